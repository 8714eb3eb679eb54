#include "diffusers_config.h"

namespace diffuse {

void read_sigmas(ForeignJson& json, SampleConfig& sample) {
  for (const char* const key : {"use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"})
    if (json.flag(key, false))
      json.remark(key, "no such spacing here; timestep_spacing is used instead");
  if (!json.flag("use_karras_sigmas", false)) return;
  json.remark("use_karras_sigmas", "read as the timesteps nearest to those sigmas");
  sample.spacing = Spacing::kKarras;
}

static void read_dpm_solver(ForeignJson& json, SampleConfig& sample) {
  const std::string algorithm = json.one_of(
      "algorithm_type", {"dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver"});
  const bool noisy = algorithm.starts_with("sde-");
  sample.sampler = noisy ? SamplerKind::kDpmpp2mSde : SamplerKind::kDpmpp2m;
  if (!algorithm.ends_with("++")) json.remark("algorithm_type", "read as " + algorithm + "++");
  const int64_t order = json.one_of("solver_order", {2, 1, 3});
  if (order == 3) json.remark("solver_order", "read as 2, the highest here");
  if (order == 1) {  // which is ddim
    sample.sampler = SamplerKind::kDdim;
    sample.eta = noisy ? 1 : 0;
    sample.ddim_epsilon = DdimEpsilon::kClipped;
  }
  if (!json.is("solver_type", "midpoint", true))
    json.remark("solver_type", "read as midpoint, of the same order");
  if (!json.is("lambda_min_clipped", "-Infinity", true))
    json.remark("lambda_min_clipped",
                "ignored: steps begin at the last timestep; --timesteps sets others");
  json.ignore({"lower_order_final", "euler_at_final"});  // always on, by the order and the end
}

// The class itself reads DPM-Solver's solver types as bh2.
static void read_unipc(ForeignJson& json, SampleConfig& sample) {
  sample.unipc_order = json.one_of("solver_order", {2, 3});
  json.one_of("solver_type", {"bh2", "midpoint", "heun", "logrho"});
  json.one_of("predict_x0", {true});
  json.one_of("lower_order_final", {true});
  if (!json.is("disable_corrector", nlohmann::json::array(), true))
    json.refuse("disable_corrector", "[]");
  if (!json.is_null("solver_p", true)) json.refuse("solver_p", "null");
  if (json.flag("rescale_betas_zero_snr", false))
    json.remark("rescale_betas_zero_snr",
                "a step from noise alone is not corrected here; in UniPCMultistepScheduler it is");
}

void read_multistep_solver(ForeignJson& json, SampleConfig& sample) {
  if (sample.sampler == SamplerKind::kUnipc)
    read_unipc(json, sample);
  else
    read_dpm_solver(json, sample);
  if (!json.is("final_sigmas_type", "zero", true))
    json.remark("final_sigmas_type", "read as zero: the last step goes to the clean sample");
  sample.clip_x0 = false;  // these classes have no clip_sample
  sample.skip_zero = true;
}

}  // namespace diffuse
