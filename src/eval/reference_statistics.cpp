#include "src/eval/reference_statistics.h"

#include <ATen/ATen.h>
#include <c10/util/hash.h>

#include <cmath>
#include <string_view>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/core/log.h"

namespace diffuse {

static constexpr std::string_view kDigits = "0123456789abcdef";

static at::Tensor bytes_of(const std::string& hexadecimal) {
  std::vector<int64_t> bytes;
  for (size_t i = 0; i + 1 < hexadecimal.size(); i += 2)
    bytes.push_back(
        static_cast<int64_t>(kDigits.find(hexadecimal[i]) * 16 + kDigits.find(hexadecimal[i + 1])));
  return at::tensor(bytes).to(at::kByte);
}

static std::string hexadecimal_of(const at::Tensor& bytes) {
  const at::Tensor values = bytes.contiguous();
  const uint8_t* const data = values.const_data_ptr<uint8_t>();
  std::string text;
  for (int64_t i = 0; i < values.numel(); ++i) {
    const uint8_t byte = data[i];
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

std::string digest(const GaussianStatistics& statistics) {
  std::string bytes;
  for (const at::Tensor& x : {statistics.mean, statistics.covariance})
    bytes.append(static_cast<const char*>(x.contiguous().const_data_ptr()), x.nbytes());
  return c10::sha1(bytes).str();
}

void write_statistics(const std::filesystem::path& path, const ReferenceStatistics& statistics) {
  std::vector<std::pair<std::string, at::Tensor>> arrays{{"mu", statistics.gaussian.mean},
                                                         {"sigma", statistics.gaussian.covariance}};
  if (statistics.count > 0) arrays.emplace_back("count", at::tensor(statistics.count, at::kLong));
  if (!statistics.extractor.empty())
    arrays.emplace_back("extractor", bytes_of(statistics.extractor));
  write_npz(path, arrays);
}

// An integer in any of NumPy's types.
static int64_t whole_number(const std::filesystem::path& path, const at::Tensor& number) {
  constexpr double kMost = 1e15;  // exact in float64
  const double value = number.to(at::kDouble).item<double>();
  if (!(value >= 0 && value <= kMost) || value != std::floor(value))
    throw Error(path.string(), ": count: expected a whole number of items, got ", value);
  return static_cast<int64_t>(value);
}

ReferenceStatistics read_statistics(const std::filesystem::path& path) {
  ReferenceStatistics result;
  result.gaussian = {read_npz(path, "mu").to(at::kDouble), read_npz(path, "sigma").to(at::kDouble)};
  const auto& [mean, covariance] = result.gaussian;
  if (mean.dim() != 1 || covariance.sizes() != at::IntArrayRef({mean.size(0), mean.size(0)}))
    throw Error(path.string(), ": mu of ", mean.sizes(), " and sigma of ", covariance.sizes(),
                "; expected [D] and [D, D]");
  if (!mean.isfinite().all().item<bool>() || !covariance.isfinite().all().item<bool>())
    throw Error(path.string(), ": mu and sigma are not all finite");
  const auto names = npz_names(path);
  if (contains(names, "count")) {
    const at::Tensor count = read_npz(path, "count");
    if (count.numel() == 1) result.count = whole_number(path, count);
  }
  if (contains(names, "extractor")) {
    const at::Tensor bytes = read_npz(path, "extractor");
    if (bytes.scalar_type() == at::kByte && bytes.numel() == 20)
      result.extractor = hexadecimal_of(bytes);
  }
  return result;
}

void check_extractor(const ReferenceStatistics& reference, const FeatureExtractor& extractor) {
  if (reference.extractor.empty())
    log_warning("--reference does not record its feature network: use the same one");
  else if (reference.extractor != extractor.sha1())
    throw Error("--reference: made with the feature network with SHA-1 ", reference.extractor,
                ", but --features has ", extractor.sha1());
}

}  // namespace diffuse
