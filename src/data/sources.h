// The sources of data: one function for each kind of stored or generated set. Each throws Error naming the
// file, its defect and what is expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"
#include "image_set.h"

namespace diffuse {

// MNIST and its relatives: four IDX files, plain or .gz. A larger image_size pads with black.
ImageSet load_mnist(const DataConfig& config, Split split);

// CIFAR-10 in its binary version: a folder with data_batch_*.bin and test_batch.bin, plain or .gz,
// or one such file.
ImageSet load_cifar10(const DataConfig& config, Split split);

// Ten kinds of drawn shapes, item i of class i % 10 and a function of (seed, split, i) alone.
ImageSet draw_shapes(const DataConfig& config, Split split, uint64_t seed);

// Pictures below a folder or in a .zip or .tar archive, with folders interpreted by picture_layout.h.
// Decoded at once, or on the fly if they exceed memory_limit_mb. Items are sorted, with the classes in turn,
// so that data.count keeps some of each.
std::shared_ptr<const Dataset> open_image_folder(const DataConfig& config, Split split);

// An array of a .npy, .npz or .safetensors file: bytes are images, other numbers are used unscaled.
std::shared_ptr<const Dataset> open_array(const DataConfig& config, Split split);

// Points, signals of four kinds of waves [1, length], item i of kind i % 4, and series of four variables
// [4, length], x_t = A x_{t-1} + B x_{t-2} + S z with z ~ N(0, I), in their stationary distribution: A, B and S are
// in docs/data.md.
std::shared_ptr<const Dataset> draw_swiss_roll(const DataConfig& config, Split split,
                                               uint64_t seed);
std::shared_ptr<const Dataset> draw_gaussian(const DataConfig& config, Split split, uint64_t seed);
std::shared_ptr<const Dataset> draw_mixture(const DataConfig& config, Split split, uint64_t seed);
std::shared_ptr<const Dataset> draw_waveforms(const DataConfig& config, Split split, uint64_t seed);
std::shared_ptr<const Dataset> draw_autoregressive(const DataConfig& config, Split split,
                                                   uint64_t seed);

// A data set of images in memory.
std::shared_ptr<const Dataset> make_image_dataset(ImageSet set);

}  // namespace diffuse
