#include "diffuse/model_file/checkpoint.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <unordered_set>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/sample/oracle_view.h"

namespace fs = std::filesystem;

namespace diffuse {

// The value under `key` of the dict at path `place` in the file.
template <class T>
static const T& required(const fs::path& file, const ValueDict& dict, const std::string& place,
                         std::string_view key, const char* kind) {
  const Value* value = find(dict, key);
  const T* found = value == nullptr ? nullptr : std::get_if<T>(&value->data);
  if (found == nullptr)
    throw Error(file.string(), ": expected ", kind, " under \"", place, key, "\", got ",
                value == nullptr ? "none" : "another type");
  return *found;
}

Checkpoint load_checkpoint(const fs::path& path, const std::vector<std::string>& unread) {
  const fs::path file = fs::is_directory(path) ? path / "model.pt" : path;
  if (!fs::exists(file))
    throw Error(path.string(), fs::is_directory(path)
                                   ? ": no model.pt in this folder"
                                   : ": no such checkpoint (a model.pt or a run folder)");
  return parse_checkpoint(file, read_checkpoint_file(file, unread));
}

Checkpoint parse_checkpoint(const fs::path& file, ValueDict root) {
  const auto text = [&](const char* key, const char* kind) {
    return required<std::string>(file, root, "", key, kind);
  };
  const auto integer = [&](const char* key) {
    return required<int64_t>(file, root, "", key, "an integer");
  };
  if (text("format", "the text \"diffuse\"") != "diffuse")
    throw Error(file.string(), ": not a diffuse checkpoint");
  if (const int64_t version = integer("version"); version != 1)
    throw Error(file.string(), ": checkpoint version ", version, "; this program reads version 1");
  return {.file = file,
          .config = parse_config(text("config", "the configuration as text"), file.string()),
          .step = integer("step"),
          .root = std::move(root)};
}

std::string missing_training_part(const ValueDict& root) {
  for (const char* const key : {"model", "ema", "exp_avg", "exp_avg_sq", "counters"})
    if (find(root, key) == nullptr) return key;
  return "";
}

bool holds_training(const Checkpoint& checkpoint) {
  return missing_training_part(checkpoint.root).empty();
}

std::string section_path(std::string_view module, std::string_view part) {
  return module == kNetwork ? std::string(part) : concat("modules/", module, "/", part);
}

// Calls visit(begin of the key, the key) for each key of a path.
template <class Visit>
static void for_each_key(const std::string& path, const Visit& visit) {
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    visit(begin, path.substr(begin, end - begin));
    begin = end + 1;
  }
}

const ValueDict& section(const Checkpoint& checkpoint, const std::string& path) {
  const ValueDict* dict = &checkpoint.root;
  for_each_key(path, [&](size_t begin, const std::string& key) {
    dict = &required<ValueDict>(checkpoint.file, *dict, path.substr(0, begin), key, "a dict");
  });
  return *dict;
}

void add_section(ValueDict& root, const std::string& path, const NamedTensors& tensors) {
  ValueDict* dict = &root;
  for_each_key(path, [&](size_t, const std::string& key) {
    auto place = std::ranges::find(*dict, key, &ValueDict::value_type::first);
    if (place == dict->end()) place = dict->emplace(place, key, Value{ValueDict{}});
    dict = &std::get<ValueDict>(place->second.data);
  });
  *dict = to_dict(tensors);
}

static TensorsByName by_name(const ValueDict& dict) {
  TensorsByName tensors;
  for (const auto& [name, value] : dict)
    if (const auto* tensor = std::get_if<at::Tensor>(&value.data)) tensors.emplace(name, tensor);
  return tensors;
}

// The differences between a checkpoint's section and the network.
static std::vector<std::string> differences(const ValueDict& dict, const TensorsByName& tensors,
                                            const NamedTensors& targets) {
  std::vector<std::string> found;
  std::unordered_set<std::string_view> wanted;
  for (const auto& [name, target] : targets) {
    wanted.insert(name);
    const auto tensor = tensors.find(name);
    if (tensor == tensors.end())
      found.push_back(name + " is missing");
    else if (tensor->second->sizes() != target.sizes())
      found.push_back(concat(name, " is ", tensor->second->sizes(), ", expected ", target.sizes()));
  }
  for (const auto& [name, value] : dict)
    if (!wanted.contains(name)) found.push_back(printable(name) + " is not part of the network");
  return found;
}

std::vector<at::Tensor> section_tensors(const Checkpoint& checkpoint, const std::string& path,
                                        const NamedTensors& targets) {
  const ValueDict& dict = section(checkpoint, path);
  const TensorsByName held = by_name(dict);
  auto wrong = differences(dict, held, targets);
  if (!wrong.empty()) {
    const size_t total = wrong.size();
    wrong.resize(std::min<size_t>(total, 5));
    throw Error(checkpoint.file.string(), ": \"", path, "\" does not fit the configured network (",
                total, total == 1 ? " difference): " : " differences): ", join(wrong, "; "));
  }
  std::vector<at::Tensor> tensors;
  for (const auto& [name, target] : targets) tensors.push_back(*held.at(name));
  return tensors;
}

NamedTensors named_parameters(const torch::nn::Module& module) {
  NamedTensors named;
  for (const auto& item : module.named_parameters()) named.emplace_back(item.key(), item.value());
  return named;
}

ValueDict to_dict(const NamedTensors& named) {
  ValueDict dict;
  for (const auto& [name, tensor] : named) dict.emplace_back(name, Value{tensor.detach()});
  return dict;
}

// The network of a checkpoint's config with its initial weights; on the meta device only their shapes.
static std::shared_ptr<Network> configured_network(const Checkpoint& checkpoint,
                                                   at::Device device) {
  const Config& config = checkpoint.config;
  try {
    return make_network(config.model, config.diffusion.learns_variance(),
                        oracle_view(GaussianDiffusion(config.diffusion)), config.seed, device);
  } catch (const Error& error) {  // names only the JSON path
    throw Error(checkpoint.file.string(), ": ", error.what());
  }
}

void load_module(const Checkpoint& checkpoint, std::string_view name, bool use_ema,
                 torch::nn::Module& module) {
  const NamedTensors parameters = named_parameters(module);
  const auto values =
      section_tensors(checkpoint, section_path(name, use_ema ? "ema" : "model"), parameters);
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < values.size(); ++i) parameters[i].second.copy_(values[i]);
}

std::shared_ptr<Network> load_network(const Checkpoint& checkpoint, bool use_ema) {
  // Shapes first: a config may need far more memory than its file does.
  section_tensors(checkpoint, section_path(kNetwork, use_ema ? "ema" : "model"),
                  named_parameters(*configured_network(checkpoint, at::kMeta)));
  auto network = configured_network(checkpoint, at::kCPU);
  load_module(checkpoint, kNetwork, use_ema, *network);
  return network;
}

}  // namespace diffuse
