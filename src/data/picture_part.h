// The parts of a set of pictures that the names of folders tell.
#pragma once

#include <string>

namespace diffuse {

enum class Part { kNone, kTrain, kValidation, kTest };

struct NamedPart {
  Part part = Part::kNone;
  std::string before;  // the words in front of it: "seg_" of seg_train
};

// In letters of either case: train, train2017, Training Set, val_images, seg_train.
NamedPart part_of(std::string name);

}  // namespace diffuse
