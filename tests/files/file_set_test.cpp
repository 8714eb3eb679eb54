#include "src/files/file_set.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>

#include "diffuse/core/error.h"
#include "src/files/zip_file.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = "tests/fixtures";

// A name longer than a tar header holds, as tests/reference/archive_fixtures.py wrote it.
std::string long_name() {
  std::string name;
  for (int i = 0; i < 30; ++i) name += "deep/";
  return name + "three.txt";
}

std::unique_ptr<FileSet> open_all(const fs::path& path) {
  return open_file_set(path, [](std::string_view) { return true; });
}

std::string refusal(const fs::path& path) {
  return message_of([&] { open_all(path); });
}

// `name`'s first `size` bytes in a file of the same ending.
fs::path cut(const TestFolder& folder, const std::string& name, size_t size) {
  std::ifstream in(kFixtures / name, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  bytes.resize(size);
  write_file(folder.path() / name, bytes);
  return folder.path() / name;
}

TEST(FileSet, ReadsWhatPythonArchived) {
  std::string ones;
  for (int i = 0; i < 1000; ++i) ones += "one\n";
  for (const char* const name : {"files.zip", "gnu.tar", "pax.tar"}) {
    const auto files = open_all(kFixtures / name);
    EXPECT_EQ(files->names(), (std::vector<std::string>{"a/two.txt", "b/one.txt", long_name()}));
    EXPECT_EQ(files->read(0), "two") << name;
    EXPECT_EQ(files->read(1), ones) << name;
    EXPECT_EQ(files->read(2), "three") << name;
    EXPECT_EQ(files->title(0), (kFixtures / name).string() + ": a/two.txt");
  }
}

// gzip -n of `bytes` by zlib.
std::string compressed(const std::string& bytes) {
  std::string out(bytes.size() + 1024, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(FileSet, ReadsACompressedTarFromMemory) {
  const TestFolder folder;
  std::ifstream in(kFixtures / "pax.tar", std::ios::binary);
  const std::string packed = compressed({std::istreambuf_iterator<char>(in), {}});
  for (const char* const name : {"x.tar.gz", "x.tgz"}) {
    write_file(folder.path() / name, packed);
    const auto files = open_all(folder.path() / name);
    EXPECT_EQ(files->names(), (std::vector<std::string>{"a/two.txt", "b/one.txt", long_name()}));
    EXPECT_EQ(files->read(0), "two");
    EXPECT_EQ(files->title(0), (folder.path() / name).string() + ": a/two.txt");
  }
  write_file(folder.path() / "x.tgz", packed.substr(0, packed.size() / 2));
  EXPECT_NE(refusal(folder.path() / "x.tgz").find("stops in the middle"), std::string::npos);
}

TEST(FileSet, ReadsAFolder) {
  const TestFolder folder;
  fs::create_directories(folder.path() / "a");
  write_file(folder.path() / "b.txt", "b");
  write_file(folder.path() / "a/a.txt", "a");
  const auto files = open_all(folder.path());
  EXPECT_EQ(files->names(), (std::vector<std::string>{"a/a.txt", "b.txt"}));
  EXPECT_EQ(files->read(0), "a");
}

TEST(FileSet, VisitsAFolderOnce) {
  const TestFolder folder;
  const fs::path& root = folder.path();
  fs::create_directories(root / "b" / "deep");
  write_file(root / "b/1.txt", "1");
  fs::create_directory_symlink("..", root / "b/deep/up");  // above
  fs::create_directory_symlink("b", root / "a");           // beside, under a name that comes before
  fs::create_symlink("nothing", root / "c.txt");
  fs::create_symlink("b/1.txt", root / "d.txt");
  const TestFolder elsewhere;
  write_file(elsewhere.path() / "2.txt", "2");
  fs::create_directory_symlink(elsewhere.path(), root / "e");
  const auto files = open_all(root);
  EXPECT_EQ(files->names(), (std::vector<std::string>{"b/1.txt", "d.txt", "e/2.txt"}));
  EXPECT_EQ(files->left_out().lines(),
            (std::vector<std::string>{"links to folders that are already read: 2 (a, b/deep/up)",
                                      "links to nothing: 1 (c.txt)"}));
}

TEST(FileSet, NamesAFolderThatCannotBeListed) {
  if (geteuid() == 0) GTEST_SKIP() << "root lists any folder";
  const TestFolder folder;
  fs::create_directories(folder.path() / "a");
  write_file(folder.path() / "b.txt", "b");
  fs::permissions(folder.path() / "a", fs::perms::none);
  const auto files = open_all(folder.path());
  fs::permissions(folder.path() / "a", fs::perms::owner_all);
  EXPECT_EQ(files->names(), std::vector<std::string>{"b.txt"});
  EXPECT_EQ(files->left_out().lines(),
            std::vector<std::string>{"folders that cannot be listed, Permission denied: 1 (a)"});
}

// a.txt; hard.txt and soft.txt, links to it; broken.txt, a hard link to nothing. In the zip a.txt and soft.txt.
TEST(FileSet, FollowsHardLinksInAnArchiveAndNamesOthers) {
  const auto tar = open_all(kFixtures / "links.tar");
  EXPECT_EQ(tar->names(), (std::vector<std::string>{"a.txt", "hard.txt"}));
  EXPECT_EQ(tar->read(1), "a");
  EXPECT_EQ(tar->left_out().lines(),
            std::vector<std::string>{"links in an archive: 2 (broken.txt, soft.txt)"});
  const auto zip = open_all(kFixtures / "links.zip");
  EXPECT_EQ(zip->names(), std::vector<std::string>{"a.txt"});
  EXPECT_EQ(zip->left_out().lines(), std::vector<std::string>{"links in an archive: 1 (soft.txt)"});
}

TEST(FileSet, EndingsMayBeInUpperCase) {
  const TestFolder folder;
  fs::copy_file(kFixtures / "files.zip", folder.path() / "A.ZIP");
  fs::copy_file(kFixtures / "pax.tar", folder.path() / "B.TAR");
  std::ifstream in(kFixtures / "pax.tar", std::ios::binary);
  write_file(folder.path() / "C.Tar.GZ", compressed({std::istreambuf_iterator<char>(in), {}}));
  for (const char* const name : {"A.ZIP", "B.TAR", "C.Tar.GZ"}) {
    EXPECT_TRUE(is_archive(name));
    EXPECT_EQ(open_all(folder.path() / name)->names().size(), 3U) << name;
  }
}

TEST(FileSet, TitlesAreOneLine) {
  const TestFolder folder;
  const fs::path path = folder.path() / "x.zip";
  ZipWriter zip(path);
  zip.add("a\nb", {"x"});
  zip.close();
  EXPECT_EQ(open_all(path)->title(0), path.string() + ": a?b");
  EXPECT_EQ(open_all(path)->names(), std::vector<std::string>{"a\nb"});
  fs::remove(path);
  write_file(folder.path() / "c\nd", "x");
  EXPECT_EQ(open_all(folder.path())->title(0), (folder.path() / "c?d").string());
}

TEST(FileSet, TakesTheWantedNamesAlone) {
  const auto files =
      open_file_set(kFixtures / "pax.tar", [](std::string_view name) { return name[0] == 'b'; });
  EXPECT_EQ(files->names(), std::vector<std::string>{"b/one.txt"});
}

// As tar -r leaves it: gnu.tar's files, and behind them all again, one with "new" for "two".
TEST(FileSet, TheLastOfOneNameCounts) {
  const TestFolder folder;
  std::ifstream in(kFixtures / "gnu.tar", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const size_t blocks = (whole.find_last_not_of('\0') / 512 + 1) * 512;
  std::string twice = whole.substr(0, blocks) + whole;
  const std::string two("two\0", 4);
  twice.replace(twice.rfind(two), 3, "new");
  write_file(folder.path() / "x.tar", twice);
  const auto files = open_all(folder.path() / "x.tar");
  EXPECT_EQ(files->names().size(), 3U);
  EXPECT_EQ(files->read(0), "new");
  EXPECT_TRUE(files->left_out().lines().at(0).starts_with(
      "earlier files of the same name in the archive: 3 (a/two.txt, b/one.txt, "));
}

TEST(FileSet, RefusesWhatIsNoArchive) {
  const TestFolder folder;
  for (const char* const name : {"x.tar", "x.zip", "x.rar", "x.tar.gz"})
    write_file(folder.path() / name, std::string(2000, 'x'));
  EXPECT_NE(refusal(folder.path() / "x.tar").find("not a .tar archive"), std::string::npos);
  EXPECT_NE(refusal(folder.path() / "x.zip").find("not a zip archive"), std::string::npos);
  EXPECT_NE(refusal(folder.path() / "x.rar").find("expected a folder"), std::string::npos);
  EXPECT_NE(refusal(folder.path() / "x.tar.gz").find("x.tar.gz: not a .tar archive"),
            std::string::npos);
}

TEST(FileSet, RefusesACutOffTar) {
  const TestFolder folder;
  // The header of a/ and of b/one.txt, and a part of its 4,000 bytes.
  EXPECT_NE(refusal(cut(folder, "gnu.tar", 2048)).find("truncated"), std::string::npos);
}

TEST(FileSet, NoticesAChangedByteOfADeflatedFile) {
  const TestFolder folder;
  const size_t size = fs::file_size(kFixtures / "files.zip");
  const fs::path path = cut(folder, "files.zip", size);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(30 + 9 + 4);  // behind the local header and the name "b/one.txt"
  file.put('\x55');
  file.close();
  EXPECT_THROW(open_all(path)->read(1), Error);
}

}  // namespace
}  // namespace diffuse
