/* The C interface of libdiffuse: load a trained model and draw samples. For C, and for the foreign
 * function interfaces of other languages; examples/sample_ctypes.py calls it from Python. No C++
 * exception leaves it. A model may be used by one thread at a time. */
#ifndef DIFFUSE_DIFFUSE_H_
#define DIFFUSE_DIFFUSE_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct diffuse_model diffuse_model;

/* "0.1.0" */
const char* diffuse_version(void);

/* Loads what `diffuse sample --ckpt` does (a model.pt, a run folder, a diffusers folder, a .safetensors
 * beside its config.json, an oracle config), with its EMA weights. `device`: "auto", "cpu", "cuda" or
 * "cuda:N". Returns NULL on failure. */
diffuse_model* diffuse_load(const char* path, const char* device);

/* The shape of a sample: C, H, W of an image, C, L of a signal or D of a point. Writes up to three
 * numbers and returns how many. */
int diffuse_sample_shape(const diffuse_model* model, int64_t shape[3]);

/* Draws samples first .. first + n - 1 of a seed into `out`, n times the numbers of a shape, row by
 * row. Images are in [-1, 1]; normalised data are brought back to their units. `sampler`: NULL is
 * the model's own choice; `steps`: 0 is. Each sample depends on (seed, its number) alone. Returns 0,
 * or -1 on failure. */
int diffuse_sample(diffuse_model* model, int64_t first, int64_t n, uint64_t seed,
                   const char* sampler, int64_t steps, float* out);

/* What the calling thread's last failure was, in one line; "" when there was none. */
const char* diffuse_last_error(void);

/* NULL is allowed. */
void diffuse_free(diffuse_model* model);

#ifdef __cplusplus
}
#endif

#endif /* DIFFUSE_DIFFUSE_H_ */
