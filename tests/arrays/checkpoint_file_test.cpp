#include "diffuse/arrays/checkpoint_file.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "diffuse/core/error.h"
#include "src/files/zip_file.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = "tests/fixtures";

template <class T>
const T& get(const ValueDict& dict, std::string_view key) {
  const Value* value = find(dict, key);
  if (value == nullptr) throw std::out_of_range(std::string(key));
  return std::get<T>(value->data);
}

void expect_tensor(const ValueDict& dict, std::string_view key, const at::Tensor& expected) {
  const auto& found = get<at::Tensor>(dict, key);
  EXPECT_EQ(found.scalar_type(), expected.scalar_type()) << key;
  EXPECT_TRUE(at::equal(found, expected)) << key << "\n" << found;
}

// The text of the Error that reading `path` throws, or "".
std::string checkpoint_failure(const fs::path& path) {
  return message_of([&] { read_checkpoint_file(path); });
}

// A file around a hand-made data.pkl, with one storage of two floats.
void write_pickle(const fs::path& path, std::string_view pickle) {
  ZipWriter zip(path);
  zip.add("archive/data.pkl", {pickle});
  zip.add("archive/data/0", {std::string_view("\0\0\x80?\0\0\0@", 8)});
  zip.add("archive/version", {"3\n"});
  zip.close();
}

ValueDict every_kind() {
  ValueDict tensors;
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                          at::kByte, at::kBool})
    tensors.emplace_back(c10::toString(type), Value{at::arange(6).reshape({2, 3}).to(type)});
  tensors.emplace_back("transposed", Value{at::arange(6).reshape({2, 3}).t()});
  tensors.emplace_back("scalar", Value{at::scalar_tensor(2.5)});
  tensors.emplace_back("empty", Value{at::empty({0, 3})});
  return {{"none", {}},
          {"yes", {true}},
          {"no", {false}},
          {"int", {int64_t{-1}}},
          {"large", {std::numeric_limits<int64_t>::min()}},
          {"float", {-0.1}},
          {"text", {std::string("{\"β\": 1}\n")}},
          {"list", {ValueList{{int64_t{1}}, {ValueList{}}, {ValueDict{}}}}},
          {"tensors", {tensors}}};
}

void expect_every_kind(const ValueDict& dict) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(find(dict, "none")->data));
  EXPECT_TRUE(get<bool>(dict, "yes"));
  EXPECT_FALSE(get<bool>(dict, "no"));
  EXPECT_EQ(get<int64_t>(dict, "int"), -1);
  EXPECT_EQ(get<int64_t>(dict, "large"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(get<double>(dict, "float"), -0.1);
  EXPECT_EQ(get<std::string>(dict, "text"), "{\"β\": 1}\n");
  EXPECT_EQ(get<ValueList>(dict, "list").size(), 3U);
  EXPECT_TRUE(std::get<ValueDict>(get<ValueList>(dict, "list")[2].data).empty());
  const auto expected = every_kind();
  const auto& tensors = get<ValueDict>(dict, "tensors");
  ASSERT_EQ(tensors.size(), 11U);
  for (const auto& [key, value] : get<ValueDict>(expected, "tensors"))
    expect_tensor(tensors, key, std::get<at::Tensor>(value.data));
}

TEST(CheckpointFile, KeepsEveryKindOfValue) {
  const TestFolder folder;
  write_checkpoint_file(folder.path() / "model.pt", every_kind());
  const ValueDict dict = read_checkpoint_file(folder.path() / "model.pt");
  EXPECT_EQ(dict.front().first, "none");
  EXPECT_EQ(dict.back().first, "tensors");
  expect_every_kind(dict);
}

TEST(CheckpointFile, LeavesOutUnreadDictsOfOwnCheckpoints) {
  const fs::path file = scratch("unread") / "model.pt";
  const ValueDict numbers{{"x", {at::ones({3})}}};
  const auto sizes = [&](const char* format) {
    write_checkpoint_file(file,
                          {{"format", {std::string(format)}},
                           {"ema", {numbers}},
                           {"modules", {ValueDict{{"one", {ValueDict{{"model", {numbers}}}}}}}},
                           {"model", {numbers}}});
    const ValueDict root = read_checkpoint_file(file, {"model"});
    const auto dict = [](const ValueDict& in, const char* key) {
      return std::get<ValueDict>(find(in, key)->data);
    };
    return std::vector<size_t>{dict(root, "ema").size(), dict(root, "model").size(),
                               dict(dict(dict(root, "modules"), "one"), "model").size()};
  };
  EXPECT_EQ(sizes("diffuse"), (std::vector<size_t>{1, 0, 0}));
  EXPECT_EQ(sizes("other"), (std::vector<size_t>{1, 1, 1}));
}

TEST(CheckpointFile, EqualContentsGiveEqualBytes) {
  const TestFolder folder;
  write_checkpoint_file(folder.path() / "a.pt", every_kind());
  write_checkpoint_file(folder.path() / "b.pt", every_kind());
  EXPECT_EQ(contents(folder.path() / "a.pt"), contents(folder.path() / "b.pt"));
}

TEST(CheckpointFile, WritesOneViewOnce) {
  const TestFolder folder;
  const fs::path path = folder.path() / "model.pt";
  const at::Tensor weight = at::rand({3, 4});
  write_checkpoint_file(path, {{"a", {weight}}, {"b", {weight.detach()}}, {"part", {weight[0]}}});
  const ZipReader zip(path);
  EXPECT_NE(zip.find("model/data/1"), nullptr);
  EXPECT_EQ(zip.find("model/data/2"), nullptr);
  const ValueDict dict = read_checkpoint_file(path);
  expect_tensor(dict, "b", weight);
  expect_tensor(dict, "part", weight[0]);
}

TEST(CheckpointFile, RefusesToWriteOtherTensors) {
  const TestFolder folder;
  EXPECT_THROW(
      write_checkpoint_file(folder.path() / "f", {{"x", {at::rand({2}).to(at::kComplexFloat)}}}),
      c10::Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

// The fixtures are written by tests/reference/make_checkpoint_fixture.py.
class TorchSave : public testing::TestWithParam<const char*> {};

TEST_P(TorchSave, ScalarsAndContainersAreRead) {
  const ValueDict dict = read_checkpoint_file(kFixtures / GetParam());
  EXPECT_EQ(dict.size(), 26U);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(find(dict, "none")->data));
  EXPECT_TRUE(get<bool>(dict, "yes"));
  EXPECT_EQ(get<int64_t>(dict, "small"), -7);
  EXPECT_EQ(get<int64_t>(dict, "byte"), 200);
  EXPECT_EQ(get<int64_t>(dict, "short"), 60000);
  EXPECT_EQ(get<int64_t>(dict, "large"), -1099511627779);
  EXPECT_EQ(get<double>(dict, "float"), 0.1);
  EXPECT_EQ(get<std::string>(dict, "text"), "β = 1e-4\n");
  EXPECT_EQ(get<std::string>(dict, "long_text"), std::string(300, 'x'));
  EXPECT_EQ(
      std::get<std::string>(std::get<ValueList>(get<ValueList>(dict, "list")[1].data)[1].data),
      "three");
  EXPECT_EQ(std::get<int64_t>(get<ValueList>(dict, "tuple")[3].data), 7);
}

TEST_P(TorchSave, TensorsAreRead) {
  const ValueDict dict = read_checkpoint_file(kFixtures / GetParam());
  expect_tensor(get<ValueDict>(dict, "state_dict"), "weight",
                at::tensor({0.5F, -2.0F}).view({1, 2}));
  expect_tensor(get<ValueDict>(dict, "state_dict"), "bias", at::tensor({1.25F}));
  expect_tensor(dict, "parameter", at::tensor({0.5F, -2.0F}).view({1, 2}));
  expect_tensor(dict, "transposed", at::tensor({0.F, 3.F, 1.F, 4.F, 2.F, 5.F}).view({3, 2}));
  expect_tensor(dict, "row", at::tensor({3.F, 4.F, 5.F}));
  expect_tensor(dict, "scalar", at::scalar_tensor(3.5F));
  expect_tensor(dict, "empty", at::empty({0, 4}));
  expect_tensor(dict, "float64", at::tensor({0.1}, at::kDouble));
  expect_tensor(dict, "float16", at::tensor({0.5, -1.5}).to(at::kHalf));
  expect_tensor(dict, "bfloat16", at::tensor({0.5, -1.5}).to(at::kBFloat16));
  expect_tensor(dict, "int64", at::tensor({int64_t{1} << 40}));
  expect_tensor(dict, "int32", at::tensor({-5}, at::kInt));
  expect_tensor(dict, "uint8", at::tensor({0, 255}).to(at::kByte));
  expect_tensor(dict, "bool", at::tensor({1, 0}).to(at::kBool));
}

TEST_P(TorchSave, OptimizerStateIsRead) {
  const ValueDict dict = read_checkpoint_file(kFixtures / GetParam());
  const auto& optimizer = get<ValueDict>(dict, "optimizer");
  const auto& first = get<ValueDict>(get<ValueDict>(optimizer, "state"), "0");
  expect_tensor(first, "step", at::scalar_tensor(1.0F));
  EXPECT_TRUE(at::allclose(get<at::Tensor>(first, "exp_avg"), at::full({1, 2}, 0.1)));
  const auto& group = std::get<ValueDict>(get<ValueList>(optimizer, "param_groups")[0].data);
  EXPECT_EQ(std::get<double>(get<ValueList>(group, "betas")[1].data), 0.999);
}

static std::string protocol(const testing::TestParamInfo<const char*>& info) {
  return std::vector{"Two", "Four", "BeforeZip"}[info.index];
}

INSTANTIATE_TEST_SUITE_P(Protocols, TorchSave,
                         testing::Values("torch_save.pt", "torch_save_protocol4.pt",
                                         "torch_save_legacy.pt"),
                         protocol);

TEST_P(TorchSave, EveryTruncationIsRefused) {
  const TestFolder folder;
  const fs::path path = folder.path() / "cut.pt";
  const std::string whole = contents(kFixtures / GetParam());
  for (size_t size = 0; size < whole.size(); size += 64) {
    write_file(path, std::string_view(whole).substr(0, size));
    ASSERT_EQ(checkpoint_failure(path).rfind(path.string() + ": ", 0), 0U) << size;
  }
}

// Flips either do not matter (padding, dates) or are an Error: nothing else may happen.
TEST_P(TorchSave, SurvivesFlippedBits) {
  const TestFolder folder;
  const fs::path path = folder.path() / "flipped.pt";
  const std::string whole = contents(kFixtures / GetParam());
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bytes = whole;
    for (int j = 0; j < 1 + i % 3; ++j) bytes[random() % bytes.size()] ^= char(1 << random() % 8);
    write_file(path, bytes);
    refused += checkpoint_failure(path).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 150);
}

// The same inside data.pkl with a right checksum, so that the interpreter sees the damage.
TEST(CheckpointFile, SurvivesDamagedPickles) {
  const TestFolder folder;
  const fs::path path = folder.path() / "damaged.pt";
  const ZipReader zip(kFixtures / "torch_save.pt");
  const auto* entry = zip.find("torch_save/data.pkl");
  std::string whole(entry->size, '\0');
  zip.read(*entry, whole.data());
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bytes = whole;
    for (int j = 0; j < 1 + i % 3; ++j)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    write_pickle(path, bytes);
    refused += checkpoint_failure(path).empty() ? 0 : 1;
  }
  EXPECT_EQ(refused, 400);  // write_pickle holds only one of the storages
}

TEST(CheckpointFile, RefusesToRunAnything) {
  const TestFolder folder;
  const fs::path path = folder.path() / "evil.pt";
  using namespace std::string_literals;
  write_pickle(path, "\x80\x02}(X\x01\0\0\0acos\nsystem\nX\x04\0\0\0true\x85Ru."s);
  EXPECT_EQ(checkpoint_failure(path),
            path.string() +
                ": refused to load os.system: expected only dicts, lists, text, "
                "numbers and tensors");
}

// {"x": tensor}, a view of the storage of two floats, made of these opcodes for offset, sizes and
// strides.
std::string tensor_pickle(const std::string& view, int numel = 2) {
  using namespace std::string_literals;
  return "\x80\x02}X\x01\0\0\0x"s + "ctorch._utils\n_rebuild_tensor_v2\n(" +
         "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"s + "0X\x03\0\0\0cpuK"s +
         static_cast<char>(numel) + "tQ" + view + "\x89}tRs.";
}

TEST(CheckpointFile, ChecksViewsAgainstTheirStorage) {
  using namespace std::string_literals;
  const TestFolder folder;
  const fs::path path = folder.path() / "view.pt";
  write_pickle(path, tensor_pickle("K\x01K\x01\x85K\x01\x85"));  // [1:2]
  expect_tensor(read_checkpoint_file(path), "x", at::tensor({2.0F}));
  for (const std::string& view : {
           "K\x01K\x02\x85K\x01\x85"s,              // one past the end
           "J\xff\xff\xff\xffK\x01\x85K\x01\x85"s,  // before the start
           "K\x00K\x02\x85J\xff\xff\xff\xff\x85"s,  // negative stride
           "K\x00J\xff\xff\xff\xff\x85K\x01\x85"s,  // negative size
           "K\x00M\xff\xff\x85K\x00\x85"s,          // one number 65,535 times
           "K\x00K\x02\x85K\x01K\x01\x86"s,         // two strides for one size
           "K\x00\x8a\x08\0\0\0\0\0\0\0\x40\x85\x8a\x08\0\0\0\0\0\0\0\x40\x85"s,  // overflow
       }) {
    write_pickle(path, tensor_pickle(view));
    EXPECT_EQ(checkpoint_failure(path),
              path.string() + ": corrupt: a tensor extends beyond its data");
  }
  write_pickle(path, tensor_pickle("K\x00K\x02\x85K\x01\x85"s, 3));
  EXPECT_EQ(checkpoint_failure(path),
            path.string() + ": corrupt: a tensor's data differs from its stated size");
}

TEST(CheckpointFile, BoundsNestingCyclesAndExpansion) {
  using namespace std::string_literals;
  const TestFolder folder;
  const fs::path path = folder.path() / "deep.pt";
  const auto error_of = [&](const std::string& value) {
    write_pickle(path, "}X\x01\0\0\0a"s + value + "s.");
    return checkpoint_failure(path).substr(path.string().size() + 2);
  };
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "]";
  for (int i = 1; i < 100'000; ++i) deep += "a";
  EXPECT_EQ(error_of(deep), "nested too deeply");
  EXPECT_EQ(error_of("]q\1h\1a"), "nested too deeply");
  std::string doubling = "(]q\1";  // each level holds the one below twice
  for (char i = 1; i < 60; ++i) doubling += "](h"s + i + "h"s + i + "eq"s + char(i + 1);
  EXPECT_EQ(error_of(doubling + "t"), "unfolds to far more than the file's size");
}

// A list of 2^15 tensors, of 64 dimensions each, that is 15 levels of lists of two.
TEST(CheckpointFile, BoundsTheMemoryOfSharedObjects) {
  const fs::path bomb = "tests/fuzz/corpus/checkpoint/bomb_shared";
  EXPECT_EQ(checkpoint_failure(bomb), bomb.string() + ": unfolds to far more than the file's size");
}

TEST(CheckpointFile, RefusesACompressedPickle) {
  const fs::path bomb = "tests/fuzz/corpus/checkpoint/bomb_packed";
  EXPECT_EQ(checkpoint_failure(bomb), bomb.string() +
                                          ": data.pkl is compressed; expected it stored, as "
                                          "torch.save writes it");
}

TEST(CheckpointFile, ReadsManySmallTensors) {
  const TestFolder folder;
  const fs::path path = folder.path() / "many.pt";
  constexpr int64_t kCount = 100'000;
  ValueDict root;
  for (int64_t i = 0; i < kCount; ++i)
    root.emplace_back(concat("module.blocks.", i, ".norm.weight"), Value{at::full({1}, i)});
  write_checkpoint_file(path, root);
  const ValueDict dict = read_checkpoint_file(path);
  ASSERT_EQ(dict.size(), kCount);
  EXPECT_EQ(std::get<at::Tensor>(dict.back().second.data).item<int64_t>(), kCount - 1);
}

TEST(CheckpointFile, BoundsHowOftenAStorageIsShared) {
  const TestFolder folder;
  const fs::path path = folder.path() / "tied.pt";
  ValueDict root;
  const Value weight{at::zeros({1 << 17})};  // 512 KiB
  for (int i = 0; i < 96; ++i) root.emplace_back(std::to_string(i), weight);
  write_checkpoint_file(path, root);
  EXPECT_EQ(checkpoint_failure(path), "");
  root.emplace_back("96", weight);
  write_checkpoint_file(path, root);
  EXPECT_EQ(checkpoint_failure(path),
            path.string() +
                ": tensors of 50855936 bytes share 524288 bytes of numbers; "
                "expected at most 64 times as many");
}

TEST(CheckpointFile, ErrorsAreOneLine) {
  using namespace std::string_literals;
  const TestFolder folder;
  const fs::path path = folder.path() / "lines.pt";
  std::string pickle = tensor_pickle("K\x00K\x02\x85K\x01\x85"s);
  const std::string global = "ctorch\nFloatStorage\n";
  pickle.replace(pickle.find(global), global.size(), "X\x05\0\0\0torchX\x09\0\0\0a\nStorage\x93"s);
  write_pickle(path, pickle);
  EXPECT_EQ(checkpoint_failure(path),
            path.string() + ": tensors of torch.a?Storage are not supported");
}

TEST(CheckpointFile, ErrorsNameTheFile) {
  const TestFolder folder;
  const fs::path path = folder.path() / "no.pt";
  EXPECT_EQ(checkpoint_failure(path), path.string() + ": cannot open: No such file or directory");
  EXPECT_EQ(checkpoint_failure(folder.path()),
            folder.path().string() + ": expected a file, got a folder");
  write_file(path, "plain text, and quite long enough to be something else");
  EXPECT_EQ(checkpoint_failure(path), path.string() + ": not a zip archive, or truncated");
  write_pickle(path, "].");
  EXPECT_EQ(checkpoint_failure(path), path.string() + ": expected a dict at the top level");
}

}  // namespace
}  // namespace diffuse
