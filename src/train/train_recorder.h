// Figures and pictures of a run: metrics.jsonl, TensorBoard events, samples/step-N.png, the log.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/train/held_out.h"
#include "diffuse/train/train_report.h"
#include "diffuse/train/trainer.h"
#include "src/logs/metrics_log.h"
#include "src/logs/tensorboard.h"
#include "src/pictures/image_file.h"

namespace diffuse {

class TrainRecorder {
 public:
  TrainRecorder(const std::filesystem::path& folder, int64_t resume_step, const Config& config);

  // Writes run.json: what the report of a run tells of it.
  void made_by(const std::string& command, Trainer& trainer);

  void report(const TrainReport& report);
  void held_out(int64_t step, const HeldOutLoss& loss);
  void samples(int64_t step, const Image& picture);  // x [grid, ...] on the CPU

 private:
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values);

  std::filesystem::path folder_;
  MetricsLog metrics_;
  TensorBoardWriter events_;
  std::vector<double> bin_ends_;  // of the histograms over t
};

}  // namespace diffuse
