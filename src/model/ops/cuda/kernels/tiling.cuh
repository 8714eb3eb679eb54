// How blocks of kThreads threads share images of P pixels in NHWC. The launching code reads this part too.
#pragma once

// A block has `tile` columns, each of N neighbouring channels, of a chunk of an image's pixels, and as many rows
// of threads as fit. Blocks along x: tiles * chunks; along y: images.
struct Tiling {
  long long pixels, channels;
  long long tile, tiles;  // columns of a block; blocks that have all columns
  long long chunks, chunk_pixels;
};
