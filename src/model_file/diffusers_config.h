// Converts between our config and Hugging Face diffusers': UNet2DModel's config.json and a scheduler's
// scheduler_config.json. Settings without a counterpart are refused by name.
#pragma once

#include <nlohmann/json.hpp>

#include "diffuse/config/config.h"
#include "foreign_json.h"

namespace diffuse {

// Our word for a setting, and theirs.
template <class Enum>
using Dictionary = std::vector<std::pair<Enum, const char*>>;

inline const Dictionary<ScheduleKind> kSchedules{{ScheduleKind::kLinear, "linear"},
                                                 {ScheduleKind::kQuadratic, "scaled_linear"},
                                                 {ScheduleKind::kCosine, "squaredcos_cap_v2"},
                                                 {ScheduleKind::kSigmoid, "sigmoid"}};
inline const Dictionary<PredictionKind> kPredictions{{PredictionKind::kEpsilon, "epsilon"},
                                                     {PredictionKind::kX0, "sample"},
                                                     {PredictionKind::kV, "v_prediction"}};
inline const Dictionary<Spacing> kTimestepSpacings{{Spacing::kLeading, "leading"},
                                                   {Spacing::kTrailing, "trailing"},
                                                   {Spacing::kUniform, "linspace"}};

// A sample_max_value this large is no bound.
inline constexpr double kAnyMaximum = 1e6;

// Rows of the class embedding in diffusers. Ours has one more, for "no class", which is only exported if
// training used it.
int64_t exported_classes(const Config& config);

// Sets the model, and whether it learns its variance, from a UNet2DModel's fields. image_size: the images'
// size in pixels if the fields do not give it; else 0.
void read_unet_json(ForeignJson& json, int64_t image_size, Config& config);

// Sets the forward process and the sampling defaults; after read_unet_json.
void read_scheduler_json(ForeignJson& json, Config& config);

// Its parts for solvers of the ODE: the settings of DPM-Solver or UniPC, whichever sample.sampler is; and, after
// the spacing of timesteps, steps that are spaced by sigma instead.
void read_multistep_solver(ForeignJson& json, SampleConfig& sample);
void read_sigmas(ForeignJson& json, SampleConfig& sample);

// All fields. Throws Error naming our JSON path if UNet2DModel has no counterpart.
nlohmann::ordered_json unet_json(const Config& config);
nlohmann::ordered_json scheduler_json(const Config& config);

}  // namespace diffuse
