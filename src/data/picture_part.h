// The parts of a set of pictures, recognised by the names of folders.
#pragma once

#include <string>
#include <vector>

namespace diffuse {

enum class Part { kNone, kTrain, kValidation, kTest };

struct NamedPart {
  Part part = Part::kNone;
  std::string before;  // the preceding words: "seg_" of seg_train
};

// In either case: train, train2017, Training Set, val_images, seg_train.
NamedPart part_of(std::string name);

// The validation part, else the test part, among folders (their names in order) that have the same words
// `before` it; "" if there is none.
std::string find_held_out(const std::vector<std::string>& folders, const std::string& before);

// The training part among folders, "" if there is none or several. seg_train counts if seg_test is beside it,
// but not cat_train with cat_test.
std::string find_train(const std::vector<std::string>& folders);

}  // namespace diffuse
