#include "src/data/picture_layout.h"

#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "src/files/zip_file.h"
#include "src/pictures/image_file.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

using Texts = std::vector<std::string>;

class PictureLayoutTest : public testing::Test {
 protected:
  void add(const Texts& names) const {
    for (const std::string& name : names) {
      const auto path = folder_.path() / name;
      std::filesystem::create_directories(path.parent_path());
      write_png(path, {1, 1, 1, {0}});
    }
  }
  void write(const std::string& name, const std::string& text) const {
    write_file(folder_.path() / name, text);
  }
  PictureLayout layout(bool skip = false) const { return lay_out_pictures(folder_.path(), skip); }
  std::string refusal() const {
    return message_of([&] { layout(); });
  }

  // "cat/1.png 0" for each entry.
  static Texts told(const PictureLayout& layout, const std::vector<PictureEntry>& entries) {
    Texts lines;
    for (const PictureEntry& entry : entries)
      lines.push_back(concat(layout.files->names()[entry.file], " ", entry.label));
    return lines;
  }

  const TestFolder folder_;
};

TEST_F(PictureLayoutTest, HiddenFoldersAreNoClasses) {
  add({"cat/1.png", "dog/1.png", ".ipynb_checkpoints/1.png", "__MACOSX/cat/._1.png",
       "cat/@eaDir/1.png", ".git/x.png", "dog/._1.png"});
  const PictureLayout found = layout();
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(told(found, found.train), (Texts{"cat/1.png 0", "dog/1.png 1"}));
  EXPECT_EQ(found.left_out.lines(),
            (Texts{"hidden files: 1 (dog/._1.png)",
                   "hidden folders: 4 (.git, .ipynb_checkpoints, __MACOSX, ...)"}));
}

TEST_F(PictureLayoutTest, AFewPicturesBesideTheClassesAreLeftOut) {
  add({"cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "preview.png"});
  const PictureLayout found = layout();
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(found.train.size(), 4U);
  EXPECT_EQ(found.left_out.lines(), Texts{"pictures beside the class folders: 1 (preview.png)"});
  add({"1.png"});
  EXPECT_TRUE(layout().class_names.empty());
  EXPECT_EQ(layout().train.size(), 6U);
  EXPECT_EQ(layout().notes,
            Texts{"no classes: 2 pictures are beside 2 folders with no more on average"});
}

TEST_F(PictureLayoutTest, APictureBesideTheSetIsLeftOut) {
  add({"a/b/cat/1.png", "a/b/dog/2.png", "a/cover.png", "preview.png"});
  write("a/readme.md", "");
  EXPECT_EQ(layout().class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(layout().left_out.lines(), (Texts{"pictures beside the set, a/: 1 (preview.png)",
                                              "pictures beside the set, a/b/: 1 (a/cover.png)"}));
}

TEST_F(PictureLayoutTest, PicturesBesideASingleFolderOfPicturesBelongToTheSet) {
  add({"more/1.png", "more/2.png", "3.png"});
  EXPECT_EQ(layout().train.size(), 3U);
}

TEST_F(PictureLayoutTest, DownloadsAreReadAsWhatTheyHold) {
  add({"1.jpg_large", "2.png?w=64", "3.png.1", "0.25", "4.txt", "5.png.txt"});
  write("6.jpg_large", "<html>");
  EXPECT_EQ(layout().train.size(), 4U);
  EXPECT_EQ(layout().others.lines(),
            Texts{"files that are not pictures: 3 (4.txt, 5.png.txt, 6.jpg_large)"});
}

TEST_F(PictureLayoutTest, TrainAndTestAreParts) {
  add({"Train/cat/1.png", "Train/dog/2.png", "test/cat/3.png", "test/dog/4.png", "test/eel/5.png"});
  const PictureLayout found = layout();
  EXPECT_TRUE(found.has_held_out);
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(told(found, found.train), (Texts{"Train/cat/1.png 0", "Train/dog/2.png 1"}));
  EXPECT_EQ(told(found, found.held_out), (Texts{"test/cat/3.png 0", "test/dog/4.png 1"}));
  EXPECT_EQ(found.left_out.lines(),
            Texts{"pictures of classes that are not in the training part: 1 (test/eel/5.png)"});
  EXPECT_EQ(found.notes, Texts{"Train/ is trained on, test/ is held out"});
}

TEST_F(PictureLayoutTest, ValidationIsHeldOutBeforeTest) {
  for (const char* const name : {"val", "valid", "validation"}) {
    add({"set/train/1.png", "set/train/2.png", concat("set/", name, "/3.png"), "set/test/4.png"});
    const PictureLayout found = layout();
    EXPECT_TRUE(found.class_names.empty());
    EXPECT_EQ(told(found, found.held_out), Texts{concat("set/", name, "/3.png 0")});
    EXPECT_EQ(found.left_out.lines(),
              Texts{"pictures of another part, set/test/: 1 (set/test/4.png)"});
    std::filesystem::remove_all(folder_.path() / "set" / name);
  }
}

TEST_F(PictureLayoutTest, FoldersBelowThePartsNeedNotBeCalledAlike) {
  add({"training_set/training_set/cat/1.png", "training_set/training_set/dog/2.png",
       "test_set/test_set/cat/3.png", "test_set/test_set/dog/4.png"});
  const PictureLayout found = layout();
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(told(found, found.held_out),
            (Texts{"test_set/test_set/cat/3.png 0", "test_set/test_set/dog/4.png 1"}));
}

// As of ImageNet: nothing says of which classes these are, so some of the others are held out.
TEST_F(PictureLayoutTest, AValidationPartWithoutTheClassesIsLeftOut) {
  add({"train2012/cat/1.png", "train2012/dog/2.png", "val2012/3.png"});
  const PictureLayout found = layout();
  EXPECT_FALSE(found.has_held_out);
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(found.left_out.lines(),
            Texts{"held-out pictures that are in no class folder: 1 (val2012/3.png)"});
}

TEST_F(PictureLayoutTest, PartsMayHaveAWordInFront) {
  add({"seg_train/seg_train/cat/1.png", "seg_train/seg_train/dog/2.png",
       "seg_test/seg_test/cat/3.png", "seg_test/seg_test/dog/4.png", "seg_pred/5.png"});
  const PictureLayout found = layout();
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(found.notes, Texts{"seg_train/ is trained on, seg_test/ is held out"});
  EXPECT_EQ(found.left_out.lines(),
            Texts{"pictures of another part, seg_pred/: 1 (seg_pred/5.png)"});
}

TEST_F(PictureLayoutTest, TwoOfThemAreClasses) {
  add({"cat_train/1.png", "cat_test/2.png", "dog_train/3.png", "dog_test/4.png"});
  EXPECT_EQ(layout().class_names, (Texts{"cat_test", "cat_train", "dog_test", "dog_train"}));
}

TEST_F(PictureLayoutTest, PartsMayBeOfTwoWords) {
  add({"Training Set/1.png", "Validation Set/2.png"});
  EXPECT_EQ(layout().notes, Texts{"Training Set/ is trained on, Validation Set/ is held out"});
}

TEST_F(PictureLayoutTest, TrainMayBeAClass) {
  add({"plane/1.png", "train/1.png"});
  const PictureLayout found = layout();
  EXPECT_FALSE(found.has_held_out);
  EXPECT_EQ(found.class_names, (Texts{"plane", "train"}));
}

TEST_F(PictureLayoutTest, TrainBesideALoosePictureIsTheSet) {
  add({"train/cat/1.png", "train/dog/1.png", "preview.png"});
  const PictureLayout found = layout();
  EXPECT_FALSE(found.has_held_out);
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(found.left_out.lines(), Texts{"pictures beside the parts of the set: 1 (preview.png)"});
}

TEST_F(PictureLayoutTest, LabelsOfADatasetJsonAreTheClasses) {
  add({"e/00000/1.png", "e/00000/2.png", "e/00001/3.png"});
  write(
      "e/dataset.json",
      R"({"labels": [["00000\\1.png", 2], ["00000/2.png", 0], ["00001/3.png", 2], ["9.png", 5]]})");
  const PictureLayout found = layout();
  EXPECT_EQ(found.class_names, (Texts{"0", "1", "2"}));
  EXPECT_EQ(told(found, found.train),
            (Texts{"e/00000/2.png 0", "e/00000/1.png 2", "e/00001/3.png 2"}));
  EXPECT_EQ(found.left_out.lines(), Texts{"labels in dataset.json without a picture: 1 (e/9.png)"});
  EXPECT_EQ(found.notes, Texts{"e/dataset.json has the classes"});
}

TEST_F(PictureLayoutTest, NullLabelsAreNoClasses) {
  add({"00000/1.png", "00001/2.png"});
  write("dataset.json", R"({"labels": null})");
  EXPECT_TRUE(layout().class_names.empty());
  EXPECT_EQ(layout().train.size(), 2U);
  write("dataset.json", R"({"name": "something else"})");
  EXPECT_EQ(layout().class_names, (Texts{"00000", "00001"}));
  EXPECT_EQ(layout().others.lines(), Texts{"files that are not pictures: 1 (dataset.json)"});
}

TEST_F(PictureLayoutTest, APictureWithoutALabelIsRefusedOrLeftOut) {
  add({"00000/1.png", "00000/2.png"});
  write("dataset.json", R"({"labels": [["00000/2.png", 0]]})");
  EXPECT_EQ(refusal(), (folder_.path() / "00000/1.png").string() +
                           ": has no label in dataset.json; data.on_error = skip leaves such "
                           "pictures out");
  const PictureLayout found = layout(/*skip=*/true);
  EXPECT_EQ(told(found, found.train), Texts{"00000/2.png 0"});
  EXPECT_EQ(found.left_out.lines(),
            Texts{"pictures without a label in dataset.json: 1 (00000/1.png)"});
  write("dataset.json", R"({"labels": [["00000/2.png", [0.5, 0.5]]]})");
  EXPECT_NE(refusal().find("has a list of numbers, expected one class number"), std::string::npos);
  write("dataset.json", R"({"labels": [["00000/2.png", -1]]})");
  EXPECT_NE(refusal().find("class number from 0 on], got [\"00000/2.png\",-1]"), std::string::npos);
}

TEST_F(PictureLayoutTest, LabelsMayBeWholeFloatsAndPathsBeginWithADot) {
  add({"00000/1.png", "00000/2.png"});
  write("dataset.json", R"({"labels": [["./00000/1.png", 1.0], ["00000/2.png", 0.0]]})");
  EXPECT_EQ(told(layout(), layout().train), (Texts{"00000/2.png 0", "00000/1.png 1"}));
  write("dataset.json", R"({"labels": [["00000/1.png", 0.5], ["00000/2.png", 0]]})");
  EXPECT_NE(refusal().find("class number from 0 on], got [\"00000/1.png\",0.5]"),
            std::string::npos);
}

TEST_F(PictureLayoutTest, APictureOfTwoClassesIsRefused) {
  add({"00000/1.png"});
  write("dataset.json", R"({"labels": [["00000/1.png", 1], ["00000/1.png", 4]]})");
  EXPECT_EQ(refusal(), (folder_.path() / "dataset.json").string() +
                           ": /labels: 00000/1.png has two classes, 1 and 4");
}

TEST_F(PictureLayoutTest, LabelsOfOtherPathsAreNamed) {
  add({"00000/1.png"});
  write("dataset.json", R"({"labels": [["1.png", 0], ["2.png", 0]]})");
  EXPECT_EQ(message_of([&] { layout(/*skip=*/true); }),
            "dataset.json: has a label for none of 1 pictures, such as " +
                (folder_.path() / "00000/1.png").string() + "; it names 1.png");
}

TEST_F(PictureLayoutTest, APlaceWithoutPicturesTellsWhatIsThere) {
  write("train-0.parquet", "PAR1");
  EXPECT_NE(refusal().find("left out are files that are not pictures: 1 (train-0.parquet)"),
            std::string::npos);
}

TEST_F(PictureLayoutTest, ReadsAZipOfWindows) {
  const auto path = folder_.path() / "W.ZIP";
  ZipWriter zip(path);
  for (const char* const name : {"set\\cat\\1.png", "set\\dog\\2.png", "set\\dog\\"})
    zip.add(name, {encode_png({1, 1, 1, {0}})});
  zip.close();
  const PictureLayout found = lay_out_pictures(path, false);
  EXPECT_EQ(found.class_names, (Texts{"cat", "dog"}));
  EXPECT_EQ(told(found, found.train), (Texts{"set/cat/1.png 0", "set/dog/2.png 1"}));
}

}  // namespace
}  // namespace diffuse
