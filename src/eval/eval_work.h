// The measurements of one evaluation.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "src/eval/eval_report.h"

namespace diffuse {

// Work, which may take hours, and whose figures it adds to the report.
using Measurement = std::function<void(EvalReport&)>;

// Throws after a signal to stop: for work to call often.
void end_if_stopped();

// Does all the work, then hands out the report. If a part fails, the figures of earlier ones are handed out first,
// with the error.
void measure_all(const std::vector<Measurement>& work, EvalReport& report,
                 const std::function<void()>& hand_out);

// All parts of a queue's folder are of one model on one set of items, recorded there by the first process. Throws
// Error naming --queue if those of `provenance` are others. No folder: no queue.
void join_queue(const std::filesystem::path& folder, nlohmann::ordered_json provenance);

}  // namespace diffuse
