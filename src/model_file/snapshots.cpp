#include "src/model_file/snapshots.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "src/model/power_ema.h"
#include "src/model_file/numbered_files.h"

namespace fs = std::filesystem;

namespace diffuse {

using Files = std::map<int64_t, fs::path, std::greater<>>;

std::string snapshot_section(double width) { return concat("ema_", width); }

// Two widths of each snapshot, in turn.
static std::vector<PowerAverage> averages_of(const Files& files) {
  std::vector<PowerAverage> averages;
  for (const auto& [step, file] : files)
    for (const double width : kSnapshotWidths)
      averages.push_back({static_cast<double>(step), width});
  return averages;
}

// sum <- sum + weight x for every tensor of a section; the sections have the same names.
static void add(ValueDict& sum, const ValueDict& section, double weight) {
  for (const auto& [name, value] : section) {
    const auto* x = std::get_if<at::Tensor>(&value.data);
    if (x == nullptr) continue;
    const at::Tensor part = x->to(at::kDouble) * weight;
    const auto place = std::ranges::find(sum, name, &ValueDict::value_type::first);
    if (place == sum.end())
      sum.emplace_back(name, Value{part});
    else
      std::get<at::Tensor>(place->second.data) += part;
  }
}

static void check_width(double width) {
  if (!(width >= kLeastWidth && width <= kMostWidth))
    throw Error("--ema: expected a width from ", kLeastWidth, " to ", kMostWidth,
                " of the training, got ", width);
}

Checkpoint load_averaged(const fs::path& path, double width) {
  check_width(width);
  const fs::path folder = (fs::is_directory(path) ? path : path.parent_path()) / "ema";
  const Files files = numbered_files(folder);
  if (files.empty())
    throw Error("--ema: no snapshots of averages in ", folder.string(),
                "; a run writes them with /train/ema_snapshot_every");
  const auto weights =
      snapshot_weights(averages_of(files), {static_cast<double>(files.begin()->first), width});
  ValueDict sum;
  auto weight = weights.begin();
  for (const auto& [step, file] : files) {
    const Checkpoint snapshot = load_checkpoint(file);
    for (const double each : kSnapshotWidths)
      add(sum, section(snapshot, snapshot_section(each)), *weight++);
  }
  for (auto& [name, value] : sum) {
    auto& tensor = std::get<at::Tensor>(value.data);
    tensor = tensor.to(at::kFloat);
  }
  Checkpoint checkpoint = load_checkpoint(files.begin()->second);
  checkpoint.root.emplace_back("ema", Value{std::move(sum)});
  return checkpoint;
}

}  // namespace diffuse
