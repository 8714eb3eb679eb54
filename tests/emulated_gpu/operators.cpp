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
namespace {

using c10::IValue;
using torch::jit::Stack;

cudaStream_t current_stream() {
  return static_cast<cudaStream_t>(cuda::current_stream({c10::kCUDA, 0}));
}

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
                                         "aten::_unique2", "aten::is_set_to"};
  return all.contains(name);
}

void compute(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const std::string& name = schema.name();
  const bool recording = records(current_stream());
  if (waits_for_the_card(name)) {
    note("sync by " + name);
    if (recording) {
      unsafe_call(name.c_str());
      throw std::runtime_error(name + " waits for the card, which a recording cannot");
    }
  }
  const size_t count = schema.arguments().size();
  const std::vector<IValue> arguments(stack->end() - static_cast<std::ptrdiff_t>(count),
                                      stack->end());
  stack->resize(stack->size() - count);

  HostViews views;
  Stack host;
  for (size_t i = 0; i < count; ++i) {
    host.push_back(on_host(arguments[i], views));
    const c10::AliasInfo* const alias = schema.arguments()[i].alias_info();
    if (recording && alias != nullptr && alias->isWrite())
      for (const at::Tensor& x : tensors_in(arguments[i])) restore_when_recorded(x);
  }
  Stack inputs = host;
  const auto run = [op](Stack& on) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    op.callBoxed(&on);
  };
  run(host);

  // What an operator made larger, and what it returns.
  for (size_t i = 0; i < count; ++i) {
    const c10::AliasInfo* const alias = schema.arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite() || !arguments[i].isTensor()) continue;
    const at::Tensor mine = arguments[i].toTensor(), theirs = inputs[i].toTensor();
    if (mine.sizes() == theirs.sizes()) continue;
    mine.resize_(theirs.sizes());
    inputs[i] = HostViews().of(mine);
    inputs[i].toTensor().copy_(theirs);
  }
  std::vector<std::pair<at::Tensor, size_t>> made;  // raw memory of a result, and its place
  for (size_t i = 0; i < host.size(); ++i) {
    const c10::AliasInfo* const alias = schema.returns()[i].alias_info();
    if (alias != nullptr) {
      for (size_t j = 0; j < count; ++j) {
        const c10::AliasInfo* const source = schema.arguments()[j].alias_info();
        if (source != nullptr && source->beforeSets() == alias->beforeSets()) {
          stack->push_back(arguments[j]);
          break;
        }
      }
      continue;
    }
    if (host[i].isTensor()) {
      const at::Tensor result = new_on_card(host[i].toTensor());
      if (result.defined()) made.emplace_back(HostViews().of(result), i);
      stack->push_back(result);
    } else if (host[i].isTensorList()) {
      c10::List<at::Tensor> all;
      for (const at::Tensor& x : host[i].toTensorVector()) all.push_back(new_on_card(x));
      TORCH_CHECK(!recording, name, " is not emulated in a recording");
      stack->push_back(all);
    } else {
      stack->push_back(host[i]);
    }
  }
  const auto again = [inputs, made, run, name] {
    Stack on = inputs;
    run(on);
    for (const auto& [memory, place] : made) at::Tensor(memory).copy_(on[place].toTensor());
  };
  queue(current_stream(),
        {"operator " + name, recording ? std::function<void()>(again) : std::function<void()>()});
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
