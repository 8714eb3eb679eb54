#include <algorithm>

#include "diffuse/core/error.h"
#include "sources.h"
#include "src/files/gz_file.h"

namespace diffuse {

static constexpr int64_t kPixels = int64_t{3} * 32 * 32;
static constexpr int64_t kRecord = 1 + kPixels;  // label, then the planes R, G, B

// Adds the records of one file to `set`.
static void append_file(ImageSet& set, const std::filesystem::path& path,
                        const DataConfig& config) {
  constexpr int64_t kRecordsAtOnce = 1000;
  GzFile file(path);
  const int64_t before = set.size();
  while (true) {
    const std::vector<uint8_t> records = file.read(kRecordsAtOnce * kRecord);
    const auto bytes = static_cast<int64_t>(records.size());
    if (bytes % kRecord != 0)
      throw Error(path.string(), ": contains ", (set.size() - before) * kRecord + bytes,
                  " bytes, expected a multiple of ", kRecord, " (one CIFAR-10 record)");
    for (auto record = records.begin(); record != records.end(); record += kRecord) {
      if (*record > 9)
        throw Error(path.string(), ": label ", int{*record}, " of record ", set.size() - before,
                    ", expected 0 to 9");
      set.labels.push_back(*record);
      set.pixels.insert(set.pixels.end(), record + 1, record + kRecord);
    }
    check_memory(config, set.size() * kPixels, path.string());
    if (bytes < kRecordsAtOnce * kRecord) break;
  }
  if (set.size() == before) throw Error(path.string(), ": is empty, expected CIFAR-10 records");
}

namespace {
struct Files {
  std::vector<std::filesystem::path> paths;
  bool has_test = false;  // the set has a test part
};
}  // namespace

static Files choose_files(const std::filesystem::path& path, Split split) {
  if (!std::filesystem::is_directory(path)) return {{path}, false};
  Files files;
  const auto test = find_file(path, "test_batch.bin");
  files.has_test = test.has_value();
  if (test && split == Split::kHeldOut) return {{*test}, true};
  for (int i = 1; i <= 5; ++i)
    if (const auto batch = find_file(path, concat("data_batch_", i, ".bin")))
      files.paths.push_back(*batch);
  if (files.paths.empty())
    throw Error(path.string(), ": no data_batch_1.bin[.gz] to data_batch_5.bin[.gz] here; ",
                "data.path must be a folder with CIFAR-10's binary version");
  return files;
}

ImageSet load_cifar10(const DataConfig& config, Split split) {
  const auto path = resolve_path(config, "cifar-10-batches-bin");
  const auto [files, has_test] = choose_files(path, split);
  ImageSet set{
      3,
      32,
      32,
      {},
      {},
      {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}};
  for (const auto& file : files) append_file(set, file, config);
  keep_configured_items(set, config, split, has_test, path.string());
  fit_to_config(set, config, Enlarge::kResize, path.string());
  return set;
}

}  // namespace diffuse
