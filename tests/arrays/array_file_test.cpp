#include "src/arrays/array_file.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "src/arrays/array_stream.h"
#include "src/files/zip_file.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// A file of this version, header text and data.
std::string npy(char version, const std::string& header, const std::string& data) {
  std::string length = {static_cast<char>(header.size()), 0};
  if (version == 2) length += "\0\0"s;
  return "\x93NUMPY"s + version + '\0' + length + header + data;
}

std::string failure(const fs::path& path) {
  const std::string message = message_of([&] { read_npy(path); });
  return message.starts_with(path.string() + ": ") ? message.substr(path.string().size() + 2) : "";
}

// As numpy.save(path, numpy.array([[1, 2, 3]], numpy.float32)) of NumPy 2 writes it.
TEST(WriteNpy, GivesNumpysBytes) {
  const TestFolder folder;
  write_npy(folder.path() / "a.npy", at::tensor({1.F, 2.F, 3.F}).view({1, 3}));
  EXPECT_EQ(contents(folder.path() / "a.npy"),
            "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }"s +
                std::string(58, ' ') + "\n\0\0\x80?\0\0\0@\0\0@@"s);
}

TEST(WriteNpy, EveryTypeAndShapeIsReadBack) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  for (const auto type : {at::kByte, at::kLong, at::kFloat, at::kDouble})
    for (const auto& array : {at::arange(6), at::arange(6).view({1, 2, 3}), at::scalar_tensor(7),
                              at::empty({0, 3}), at::arange(6).view({2, 3}).t()}) {
      const at::Tensor expected = array.to(type);
      write_npy(path, expected);
      const at::Tensor found = read_npy(path);
      EXPECT_EQ(found.scalar_type(), type);
      EXPECT_TRUE(at::equal(found, expected)) << expected;
    }
}

TEST(ReadNpy, TakesVersionTwoAndAnyKeyOrder) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  write_file(path, npy(2, "{\"shape\": (2,), 'fortran_order':False, 'descr':'|u1'}\n", "\5\6"));
  EXPECT_TRUE(at::equal(read_npy(path), at::tensor({5, 6}).to(at::kByte)));
}

TEST(ReadNpy, TakesFortranOrder) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  write_file(path,
             npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "\1\4\2\5\3\6"));
  const at::Tensor array = read_npy(path);
  EXPECT_TRUE(array.is_contiguous());
  EXPECT_TRUE(at::equal(array, at::arange(1, 7).view({2, 3}).to(at::kByte)));
}

TEST(ReadNpy, TakesAnyByteButZeroForTrue) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  const std::string header = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }";
  write_file(path, npy(1, header, std::string("\0\1\x7f", 3)));
  const at::Tensor array = read_npy(path);
  EXPECT_EQ(std::string(static_cast<const char*>(array.const_data_ptr()), 3),
            std::string("\0\1\1", 3));
}

TEST(ReadNpy, TakesUnsignedNumbersForWhatTheyAre) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  const auto read = [&](const std::string& descr, const std::string& bytes) {
    write_file(
        path, npy(1, "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (1,), }", bytes));
    return read_npy(path);
  };
  EXPECT_EQ(read("<u2", "\x01\xff"s).item<int64_t>(), 0xff01);
  EXPECT_EQ(read("<u4", "\x01\0\0\xff"s).item<int64_t>(), 0xff000001);
  EXPECT_EQ(read("<u8", "\x01\0\0\0\0\0\0\x01"s).item<int64_t>(), 0x0100000000000001);
  write_file(path, npy(1, "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }",
                       "\1\0\0\0\0\0\0\xff"s));
  EXPECT_EQ(failure(path), "uint64 numbers above 9223372036854775807 are not supported");
}

TEST(ReadNpy, TakesEitherOrderOfBytes) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  write_file(path, npy(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }",
                       "\x3f\x80\0\0\xc0\0\0\0"s));
  EXPECT_TRUE(at::equal(read_npy(path), at::tensor({1.F, -2.F})));
  write_file(path, npy(1, "{'descr': '>u2', 'fortran_order': False, 'shape': (2,), }",
                       "\x01\x02\xff\xfe"s));
  EXPECT_TRUE(at::equal(read_npy(path), at::tensor({0x0102, 0xfffe}, at::kInt)));
}

TEST(ReadNpy, SaysWhatKindOfArrayItDoesNotRead) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  const std::string wanted =
      " is not supported; expected bool, int8 to int64, uint8 to uint64 or float16 to float64";
  const auto refusal = [&](const std::string& descr) {
    write_file(path,
               npy(1, "{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }", "1234"));
    return failure(path);
  };
  EXPECT_EQ(refusal("'|O'"), "an array of Python objects of type '|O'" + wanted);
  EXPECT_EQ(refusal("'<c8'"), "an array of complex numbers of type '<c8'" + wanted);
  EXPECT_EQ(refusal("'<U3'"), "an array of strings of type '<U3'" + wanted);
  EXPECT_EQ(refusal("'|V2'"),
            "an array of raw bytes (bfloat16 is saved this way) of type '|V2'" + wanted);
  EXPECT_EQ(refusal("'<f16'"), "an array of type '<f16'" + wanted);
  EXPECT_EQ(refusal("[('a', '<f4'), ('b', '<i2')]"),
            "a structured array of type [('a', '<f4'), ('b', '<i2')]" + wanted);
}

TEST(ReadNpy, RefusesWhatItCannotRead) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  const auto error_of = [&](const std::string& bytes) {
    write_file(path, bytes);
    return failure(path);
  };
  EXPECT_EQ(error_of("PK\3\4 and some more bytes"), "not a .npy file");
  EXPECT_EQ(error_of(npy(3, "{}              ", "")),
            ".npy version 3 is not supported; expected 1 or 2");
  EXPECT_EQ(error_of(npy(1, "{'descr': '<f4', 'fortran_order': 1, 'shape': (1,), }", "1234")),
            "corrupt .npy header: no valid fortran_order");
  EXPECT_EQ(error_of(npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1234")),
            "expected 8 bytes of data by its header, got 4");
  EXPECT_EQ(
      error_of(npy(1,
                   "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 4611686018427387904, "
                   "4611686018427387904), }",
                   "")),
      "expected more bytes of data by its header, got 0");
  EXPECT_EQ(error_of(npy(1,
                         "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, "
                         "4294967296), }",
                         "1234")),
            "expected more bytes of data by its header, got 4");
  for (const char* shape : {"(-1,)", "(1", "(1 2)", "3", "(a,)", "", "(99999999999999999999,)"})
    EXPECT_EQ(error_of(npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': "s + shape, "")),
              "corrupt .npy header: no valid shape")
        << shape;
}

TEST(ReadNpy, EveryTruncationIsRefused) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npy";
  write_npy(path, at::arange(3));
  const std::string whole = contents(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    write_file(path, std::string_view(whole).substr(0, size));
    EXPECT_NE(failure(path), "") << size;
  }
}

TEST(WriteNpz, HoldsNpyFilesWithRightChecksums) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npz";
  write_npz(path, {{"arr_0", at::arange(3)}, {"empty", at::empty({0})}});
  const ZipReader zip(path);  // reading checks the CRC
  ASSERT_EQ(zip.entries().size(), 2U);
  EXPECT_EQ(zip.entries()[1].name, "empty.npy");
  std::string array(zip.find("arr_0.npy")->size, '\0');
  zip.read(*zip.find("arr_0.npy"), array.data());
  write_file(folder.path() / "arr_0.npy", array);
  EXPECT_TRUE(at::equal(read_npy(folder.path() / "arr_0.npy"), at::arange(3)));
}

TEST(ReadNpz, FindsArraysByName) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npz";
  write_npz(path, {{"x", at::arange(3)}, {"y", at::ones({2, 2})}});
  EXPECT_EQ(npz_names(path), (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(at::equal(read_npz(path, "x"), at::arange(3)));
  EXPECT_TRUE(at::equal(read_npz(path, "y"), at::ones({2, 2})));
  EXPECT_THROW(read_npz(path, "z"), Error);
}

TEST(ReadNpz, NamesArraysInOneLine) {
  const TestFolder folder;
  const fs::path path = folder.path() / "a.npz";
  write_npz(path, {{"ab\nc", at::arange(3)}});
  EXPECT_EQ(message_of([&] { read_npz(path, "ab c"); }),
            path.string() + ": no array \"ab c\"; it has ab?c; did you mean \"ab?c\"?");
}

TEST(ArrayStream, WritesWhatWriteNpyAndWriteNpzDo) {
  const TestFolder folder;
  const at::Tensor array = at::arange(24, at::kFloat).view({4, 3, 2});
  write_npy(folder.path() / "whole.npy", array);
  write_npz(folder.path() / "whole.npz", {{"arr_0", array}});
  for (const char* const extension : {"npy", "npz"}) {
    const fs::path file = folder.path() / concat("parts.", extension);
    ArrayStream stream(file, at::kFloat, {4, 3, 2}, false);
    stream.append(array.slice(0, 0, 3));
    EXPECT_FALSE(fs::exists(file));
    stream.append(array.slice(0, 3));
    stream.finish();
    EXPECT_EQ(contents(file), contents(folder.path() / concat("whole.", extension)));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 4);
}

TEST(ArrayStream, GoesOnAfterTheLastWholeRow) {
  const TestFolder folder;
  const fs::path file = folder.path() / "x.npy", partial = folder.path() / "x.npy.partial";
  const at::Tensor array = at::arange(8, at::kLong).view({4, 2});
  ArrayStream(file, at::kLong, {4, 2}, false).append(array.slice(0, 0, 3));
  fs::resize_file(partial, fs::file_size(partial) - 5);  // the third row is torn
  ArrayStream stream(file, at::kLong, {4, 2}, true);
  EXPECT_EQ(stream.rows(), 2);
  stream.append(array.slice(0, 2));
  stream.finish();
  EXPECT_TRUE(at::equal(read_npy(file), array));
}

TEST(ArrayStream, RefusesToGoOnWithAnotherShapeAndStartsAnewUnasked) {
  const TestFolder folder;
  const fs::path file = folder.path() / "x.npy";
  ArrayStream(file, at::kLong, {4, 2}, false).append(at::ones({3, 2}, at::kLong));
  EXPECT_THROW(ArrayStream(file, at::kLong, {5, 2}, true), Error);
  EXPECT_THROW(ArrayStream(file, at::kFloat, {4, 2}, true), Error);
  EXPECT_EQ(ArrayStream(file, at::kLong, {4, 2}, false).rows(), 0);
}

}  // namespace
}  // namespace diffuse
