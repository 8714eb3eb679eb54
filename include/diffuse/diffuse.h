/* The C interface of libdiffuse: load a trained model and draw samples, from C and other languages;
 * examples/sample_ctypes.py calls it from Python. It throws no C++ exceptions. Only one thread at a time
 * may use a model. */
#ifndef DIFFUSE_DIFFUSE_H_
#define DIFFUSE_DIFFUSE_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct diffuse_model diffuse_model;

/* "0.1.0" */
const char* diffuse_version(void);

/* Loads a model as `diffuse sample --ckpt` does (a model.pt, a run folder, a diffusers folder, a
 * .safetensors beside its config.json, an oracle config), with its EMA weights. `device`: "auto", "cpu",
 * "cuda" or "cuda:N". Returns NULL on failure. */
diffuse_model* diffuse_load(const char* path, const char* device);

/* The shape of a sample: C, H, W of an image, C, L of a signal or D of a point. Writes up to three
 * numbers and returns their count. */
int diffuse_sample_shape(const diffuse_model* model, int64_t shape[3]);

/* The conditions that diffuse_sample gives a conditional model from now on: sample i gets number i modulo their
 * count. A file or folder as of `diffuse sample --condition`; NULL takes them away, which is refused for a model
 * that was never trained without. Returns their count, 0 for none, or -1 on failure, which leaves them as they
 * were. */
int64_t diffuse_set_condition(diffuse_model* model, const char* path);

/* The same from float32 numbers in memory, row by row: `dimensions` numbers in `shape`, the first of them the
 * count, as of an array for --condition. */
int64_t diffuse_set_condition_numbers(diffuse_model* model, const float* numbers,
                                      const int64_t* shape, int dimensions);

/* Draws samples first .. first + n - 1 of a seed into `out`, row by row: n times the product of the shape.
 * Images are in [-1, 1]; normalised data are converted to the data's units. `sampler` NULL and `steps` 0
 * select the model's defaults. Each sample depends only on (seed, its number) and its condition; a conditional
 * model without one is refused unless it was trained so too. Returns 0, or -1 on failure. */
int diffuse_sample(diffuse_model* model, int64_t first, int64_t n, uint64_t seed,
                   const char* sampler, int64_t steps, float* out);

/* The calling thread's last error, in one line; "" for none. */
const char* diffuse_last_error(void);

/* NULL is allowed. */
void diffuse_free(diffuse_model* model);

#ifdef __cplusplus
}
#endif

#endif /* DIFFUSE_DIFFUSE_H_ */
