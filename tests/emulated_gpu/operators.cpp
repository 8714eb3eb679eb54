#include "operators.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "card/device.h"
#include "src/core/cuda/stream.h"

namespace diffuse::emulated {

cudaStream_t current_stream() {
  return static_cast<cudaStream_t>(cuda::current_stream({c10::kCUDA, 0}));
}

namespace {

using c10::IValue;
using torch::jit::Stack;

// Tensors of the CPU in the memory of the card's. A storage that an operator makes larger gets memory of its own.
class HostViews {
 public:
  at::Tensor of(const at::Tensor& x) {
    if (!x.defined() || !x.is_cuda()) return x;
    c10::StorageImpl* const storage = x.storage().unsafeGetStorageImpl();
    auto found = storages_.find(storage);
    if (found == storages_.end()) {
      const c10::Storage same(c10::Storage::use_byte_size_t(), storage->nbytes(),
                              c10::DataPtr(storage->mutable_data(), c10::kCPU),
                              c10::GetAllocator(c10::kCPU), /*resizable=*/true);
      found = storages_.emplace(storage, same).first;
    }
    at::Tensor view = at::empty({0}, x.options().device(c10::kCPU).pinned_memory(false));
    view.set_(found->second, x.storage_offset(), x.sizes(), x.strides());
    return view;
  }

  // Whether the tensor of the CPU lies in memory of the card's `x`.
  bool same(const at::Tensor& host, const at::Tensor& x) const {
    const auto found = storages_.find(x.storage().unsafeGetStorageImpl());
    return found != storages_.end() &&
           found->second.unsafeGetStorageImpl() == host.storage().unsafeGetStorageImpl();
  }

 private:
  std::map<c10::StorageImpl*, c10::Storage> storages_;
};

IValue on_host(const IValue& value, HostViews& views) {
  if (value.isTensor()) return views.of(value.toTensor());
  if (value.isDevice() && value.toDevice().is_cuda()) return c10::Device(c10::kCPU);
  if (value.isGenerator()) return {};
  if (value.isTensorList()) {
    c10::List<at::Tensor> all;
    for (const at::Tensor& x : value.toTensorVector()) all.push_back(views.of(x));
    return all;
  }
  if (value.isList()) {
    const auto list = value.toListRef();
    if (std::none_of(list.begin(), list.end(), [](const IValue& x) { return x.isTensor(); }))
      return value;
    c10::List<std::optional<at::Tensor>> all;
    for (const IValue& x : list)
      x.isNone() ? all.push_back(std::nullopt) : all.push_back(views.of(x.toTensor()));
    return all;
  }
  return value;
}

at::Tensor new_on_card(const at::Tensor& host) {
  if (!host.defined()) return host;
  at::Tensor made;
  if (host.is_non_overlapping_and_dense())
    made = at::empty_strided(host.sizes(), host.strides(), host.options().device(c10::kCUDA, 0));
  else
    made = at::empty(host.sizes(), host.options().device(c10::kCUDA, 0));
  HostViews views;
  views.of(made).copy_(host);
  return made;
}

std::vector<at::Tensor> tensors_in(const IValue& value) {
  if (value.isTensor() && value.toTensor().defined()) return {value.toTensor()};
  if (value.isTensorList()) return value.toTensorVector();
  return {};
}

// A recording computes as well, for shapes and indices: what it writes is put back when it ends.
void restore_when_recorded(const at::Tensor& x) {
  if (!x.is_cuda()) return;
  char* const where = static_cast<char*>(x.storage().mutable_data());
  when_recorded(current_stream(), [where, bytes = std::string(where, x.storage().nbytes())] {
    std::memcpy(where, bytes.data(), bytes.size());
  });
}

bool waits_for_the_card(const std::string& name) {
  static const std::set<std::string> all{"aten::equal", "aten::nonzero", "aten::masked_select",
                                         "aten::_unique2"};
  return all.contains(name);
}

// A call of an operator: what LibTorch gave it, and the same on the host.
struct Call {
  c10::OperatorHandle op;
  Stack arguments, inputs{};

  const c10::FunctionSchema& schema() const { return op.schema(); }
  bool writes(size_t i) const {
    const c10::AliasInfo* const alias = schema().arguments()[i].alias_info();
    return alias != nullptr && alias->isWrite();
  }

  Stack run() const {
    const at::AutoDispatchBelowADInplaceOrView below;
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    Stack on = inputs;
    op.callBoxed(&on);
    return on;
  }
};

Call take_call(const c10::OperatorHandle& op, Stack& stack) {
  const auto count = static_cast<std::ptrdiff_t>(op.schema().arguments().size());
  Call call{op, Stack(stack.end() - count, stack.end())};
  stack.resize(stack.size() - static_cast<size_t>(count));
  HostViews views;
  for (const IValue& argument : call.arguments) call.inputs.push_back(on_host(argument, views));
  return call;
}

// Outputs that the operator made larger.
void enlarge_outputs(Call& call) {
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    if (!call.writes(i) || !call.arguments[i].isTensor()) continue;
    const at::Tensor mine = call.arguments[i].toTensor(), theirs = call.inputs[i].toTensor();
    if (mine.sizes() == theirs.sizes()) continue;
    mine.resize_(theirs.sizes());
    call.inputs[i] = HostViews().of(mine);
    call.inputs[i].toTensor().copy_(theirs);
  }
}

// The argument that a result is, if it is one.
const IValue* argument_of(const Call& call, const c10::AliasInfo& result) {
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const c10::AliasInfo* const alias = call.schema().arguments()[i].alias_info();
    if (alias != nullptr && alias->beforeSets() == result.beforeSets()) return &call.arguments[i];
  }
  return nullptr;
}

using Made =
    std::vector<std::pair<at::Tensor, size_t>>;  // memory on the card, number of the result

// Puts the results on the stack, fresh ones in memory of the card.
Made return_results(const Call& call, const Stack& results, Stack& stack) {
  Made made;
  for (size_t i = 0; i < results.size(); ++i) {
    const c10::AliasInfo* const alias = call.schema().returns()[i].alias_info();
    if (alias != nullptr) {
      stack.push_back(*argument_of(call, *alias));
    } else if (results[i].isTensor()) {
      const at::Tensor fresh = new_on_card(results[i].toTensor());
      if (fresh.defined()) made.emplace_back(HostViews().of(fresh), i);
      stack.push_back(fresh);
    } else if (results[i].isTensorList()) {
      TORCH_CHECK(!records(current_stream()), call.schema().name(), " in a recording");
      c10::List<at::Tensor> all;
      for (const at::Tensor& x : results[i].toTensorVector()) all.push_back(new_on_card(x));
      stack.push_back(all);
    } else {
      stack.push_back(results[i]);
    }
  }
  return made;
}

void refuse_in_recording(const std::string& name) {
  note("sync by " + name);
  if (!records(current_stream())) return;
  unsafe_call(name.c_str());
  throw std::runtime_error(name + " waits for the card, which a recording cannot");
}

void compute(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  const std::string& name = op.schema().name();
  if (waits_for_the_card(name)) refuse_in_recording(name);
  Call call = take_call(op, *stack);
  const bool recording = records(current_stream());
  for (size_t i = 0; i < call.arguments.size() && recording; ++i)
    if (call.writes(i))
      for (const at::Tensor& x : tensors_in(call.arguments[i])) restore_when_recorded(x);
  const Stack results = call.run();
  enlarge_outputs(call);
  const Made made = return_results(call, results, *stack);
  std::function<void()> again;
  if (recording)
    again = [call, made] {
      const Stack anew = call.run();
      for (const auto& [memory, place] : made) at::Tensor(memory).copy_(anew[place].toTensor());
    };
  queue(current_stream(), {"operator " + name, again});
}

at::Tensor& copy(at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  if (!to.is_cuda() || !from.is_cuda()) return at::native::copy_(to, from, non_blocking);
  HostViews views;
  const auto run = [a = views.of(to), b = views.of(from)] {
    const at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor(a).copy_(b);
  };
  if (records(current_stream())) {
    restore_when_recorded(to);
    run();
  }
  queue(current_stream(), {"operator aten::copy_", run});
  return to;
}

bool keeps_its_own(const c10::FunctionSchema& schema) {
  static const std::set<std::string> all{
      "aten::empty",         "aten::empty_strided",  "aten::as_strided",
      "aten::set_",          "aten::resize_",        "aten::_local_scalar_dense",
      "aten::record_stream", "aten::_pin_memory",    "aten::is_pinned",
      "aten::copy_",         "aten::view",           "aten::_reshape_alias",
      "aten::unfold",        "aten::_resize_output_"};
  if (all.contains(schema.name())) return true;
  return std::any_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& x) {
    return x.alias_info() != nullptr && !x.alias_info()->isWrite();
  });
}

}  // namespace

void compute_operators_on_the_host() {
  static std::vector<c10::RegistrationHandleRAII> registered;
  if (!registered.empty()) return;
  c10::Dispatcher& dispatcher = c10::Dispatcher::singleton();
  const auto replace = [&](const c10::OperatorName& name, c10::KernelFunction kernel) {
    registered.push_back(dispatcher.registerImpl(name, c10::DispatchKey::CUDA, std::move(kernel),
                                                 std::nullopt, nullptr, "emulated"));
  };
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    if (!op || keeps_its_own(op->schema())) continue;
    const bool convolution =
        name.name == "aten::convolution" || name.name == "aten::convolution_backward";
    if (!convolution && (!op->hasKernelForDispatchKey(c10::DispatchKey::CUDA) ||
                         !op->hasComputedKernelForDispatchKey(c10::DispatchKey::CPU)))
      continue;
    replace(name, c10::KernelFunction::makeFromBoxedFunction<&compute>());
  }
  replace({"aten::copy_", ""}, c10::KernelFunction::makeFromUnboxedRuntimeFunction(&copy));
  // Attention by products and softmax: the others have no twin on the CPU.
  at::globalContext().setSDPUseFlash(false);
  at::globalContext().setSDPUseMemEfficient(false);
  at::globalContext().setSDPUseCuDNN(false);
}

}  // namespace diffuse::emulated
