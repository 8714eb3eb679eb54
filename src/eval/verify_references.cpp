// Independent values: published vectors, tests/reference/schedule_reference.py and
// tests/reference/random_stream.py.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "diffuse/core/random.h"
#include "diffuse/model/network.h"
#include "src/diffusion/likelihood.h"
#include "verify_checks.h"

namespace diffuse {

namespace {

constexpr double kNineDigits = 5e-9;

// Random123's tests/kat_vectors for philox4x32, 10 rounds.
void random_numbers(Verifier& v) {
  using Block = std::array<uint32_t, 4>;
  constexpr uint32_t kOnes = 0xffffffff;
  struct Vector {
    Block counter;
    std::array<uint32_t, 2> key;
    Block expected;
  };
  int wrong = 0;
  for (const Vector& vector :
       {Vector{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        Vector{{kOnes, kOnes, kOnes, kOnes},
               {kOnes, kOnes},
               {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        Vector{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
               {0xa4093822, 0x299f31d0},
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}})
    wrong += philox(vector.counter, vector.key) != vector.expected;
  v.near("philox_wrong_blocks", wrong, 0, 0);
  v.near("random_stream_first_normal",
         RandomStream(42, Purpose::kNoise, (uint64_t{1} << 32) + 7, 3).normal(), 0.9328611988285685,
         1e-14);
}

// The largest relative deviation from nine-digit values.
double deviation(const at::Tensor& table, const std::vector<int64_t>& rows,
                 const std::vector<double>& expected) {
  double largest = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double value = table[rows[i]].item<double>();
    if (value == expected[i]) continue;  // also infinity
    const double off = std::abs(value - expected[i]) / std::abs(expected[i]);
    if (!(off <= largest)) largest = off;
  }
  return largest;
}

// ᾱ at 0, T/4, T/2, 3T/4, T−1, and L_T at E[x_0²] = 1.
void schedules(Verifier& v) {  // NOLINT(readability-function-size): a table
  struct Golden {
    std::string name;
    DiffusionConfig config;
    std::vector<double> alpha_bar;
    double prior;
  };
  const auto named = [](ScheduleKind schedule) {
    DiffusionConfig config;
    config.schedule = schedule;
    return config;
  };
  const std::vector<Golden> goldens{
      {"linear_1000",
       v.linear(),
       {0.9999, 0.521423031, 0.0777966584, 0.00330015836, 4.03582977e-05},
       2.91129454e-05},
      {"linear_200",
       v.linear(200, 1e-4, 0.05),
       {0.9999, 0.721659633, 0.27601247, 0.0554878444, 0.00612196524},
       0.00442963737},
      {"linear_4000",
       v.linear(4000, 1e-4 / 4, 0.02 / 4),
       {0.999975, 0.523116061, 0.0787464752, 0.00340575692, 4.24665228e-05},
       3.06337714e-05},
      {"cosine_1000",
       named(ScheduleKind::kCosine),
       {0.999958716, 0.845887986, 0.492285172, 0.143178646, 2.42876691e-09},
       1.75198499e-09},
      {"constant_1000",
       named(ScheduleKind::kConstant),
       {0.98, 0.00627689695, 4.02035054e-05, 2.57503327e-07, 1.68296736e-09},
       1.21400433e-09},
      {"jsd_1000", named(ScheduleKind::kJsd), {0.999, 0.749, 0.499, 0.249, 0}, 0},
      {"sigmoid_jabri_1000",
       named(ScheduleKind::kSigmoidJabri),
       {0.999699721, 0.849863009, 0.498342818, 0.148159681, 3.002792e-07},
       2.16605689e-07}};
  for (const Golden& golden : goldens) {
    const NoiseSchedule s = NoiseSchedule::make(golden.config);
    const int64_t T = s.timesteps();
    v.near("golden_alpha_bar_" + golden.name,
           deviation(s.alpha_bar(), {0, T / 4, T / 2, 3 * T / 4, T - 1}, golden.alpha_bar), 0,
           kNineDigits);
    v.near("golden_prior_" + golden.name, s.prior_bits_per_dim(1), golden.prior,
           kNineDigits * golden.prior);
  }
}

// Rows of the tables of the linear schedule of 1000 steps.
void tables(Verifier& v) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const NoiseSchedule s = NoiseSchedule::make(v.linear());
  const std::vector<int64_t> rows{0, 1, 2, 10, 100, 500, 999};
  const auto check = [&](const char* name, const at::Tensor& table,
                         const std::vector<double>& expected) {
    v.near(std::string("golden_") + name, deviation(table, rows, expected), 0, kNineDigits);
  };
  check("posterior_variance", s.posterior_variance() * v.faults().posterior_variance,
        {0, 5.45318766e-05, 8.54891152e-05, 0.00025846362, 0.00205455353, 0.0100513358,
         0.0199999835});
  check("coef_x0", s.coef_x0() * v.faults().coef_x0,
        {1, 0.5452915, 0.388706836, 0.13627786, 0.0188954556, 0.00305805708, 0.000128351487});
  check("coef_xt", s.coef_xt(),
        {0, 0.454708499, 0.61129316, 0.863722069, 0.981076103, 0.994104351, 0.989948678});
  check("weight_eq9_large", v.bound_weight(s, s.beta()),
        {0.500050005, 0.272692084, 0.194401977, 0.068223989, 0.00999623023, 0.00550973453,
         0.0102044935});
  check("weight_eq9_small", v.bound_weight(s, s.posterior_variance()),
        {kInfinity, 0.599671512, 0.317995352, 0.0789765416, 0.0101783834, 0.00551446196,
         0.0102045019});
}

// The 256 bins of an 8-bit value have total mass 1, for any mean and variance.
void likelihoods(Verifier& v) {
  const at::Tensor levels = at::arange(256, at::kDouble) / 127.5 - 1;
  const at::Tensor means = at::tensor({-1.3, -1.0, -0.3, 0.0, 0.999, 1.0}, at::kDouble);
  const at::Tensor log_variances = at::tensor({-12.0, -9.8, -4.0, 0.0}, at::kDouble);
  const at::Tensor mass = discretized_gaussian_log_likelihood(levels, means.view({-1, 1, 1}),
                                                              log_variances.view({-1, 1}))
                              .exp()
                              .sum(-1);
  v.same("bins_sum_to_1", mass, at::ones_like(mass), 1e-12);
  // A perfect mean, with the variance of L_0: β̃ of row 1.
  const at::Tensor log_variance =
      NoiseSchedule::make(v.linear()).posterior_log_variance_clipped()[0];
  v.near(
      "reconstruction_floor_bits",
      -discretized_gaussian_log_likelihood(levels[128], levels[128], log_variance).item<double>() /
          std::log(2.0),
      1.30537766, 5e-8);
}

// A new network outputs zero, so the first loss is E[ε²] = 1.
void first_losses(Verifier& v) {
  struct Case {
    NetworkType type;
    std::vector<int64_t> shape;
    int64_t samples;
  };
  const GaussianDiffusion diffusion(v.linear());
  for (const Case& c :
       {Case{NetworkType::kMlp, {64}, 1024}, Case{NetworkType::kUnet, {1, 16, 16}, 64}}) {
    ModelConfig config;
    config.type = c.type;
    config.channels = 32;
    config.channel_multipliers = {1, 2};
    config.blocks_per_level = 1;
    config.attention_resolutions = {8};
    config.sample_shape = c.shape;
    const auto network = make_network(config, false, {}, 1);
    network->eval();
    std::vector<int64_t> shape = c.shape;
    shape.insert(shape.begin(), c.samples);
    const auto draw = [&](uint64_t index) {
      return v.normal(c.samples, c.shape.size() == 1 ? 64 : 256, index).view(shape).to(at::kFloat);
    };
    const at::Tensor x0 = draw(40).clamp(-1, 1), eps = draw(41) * v.faults().noise;
    const at::Tensor t = at::arange(c.samples, at::kLong).remainder(1000);
    const Denoiser denoiser = [&](const at::Tensor& x, const at::Tensor& steps) {
      return network->forward(x, steps, {}).detach();
    };
    v.near(concat("first_loss_", c.type),
           diffusion.loss(denoiser, x0, t, eps).mean().item<double>(), 1,
           5 * std::sqrt(2.0 / static_cast<double>(eps.numel())));
  }
}

}  // namespace

void verify_references(Verifier& verifier) {
  random_numbers(verifier);
  schedules(verifier);
  tables(verifier);
  likelihoods(verifier);
  first_losses(verifier);
}

}  // namespace diffuse
