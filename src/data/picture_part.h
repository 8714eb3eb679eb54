// The parts of a set of pictures, recognised by the names of folders.
#pragma once

#include <string>

namespace diffuse {

enum class Part { kNone, kTrain, kValidation, kTest };

struct NamedPart {
  Part part = Part::kNone;
  std::string before;  // the preceding words: "seg_" of seg_train
};

// In either case: train, train2017, Training Set, val_images, seg_train.
NamedPart part_of(std::string name);

}  // namespace diffuse
