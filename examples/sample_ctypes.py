"""Samples a trained model from Python through libdiffuse's C interface, without PyTorch.

    python examples/sample_ctypes.py libdiffuse.so model.pt
"""

import ctypes
import math
import sys


def load_library(path):
    lib = ctypes.CDLL(path)
    lib.diffuse_load.restype = ctypes.c_void_p
    lib.diffuse_load.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    lib.diffuse_sample_shape.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)]
    lib.diffuse_sample.argtypes = [
        ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint64, ctypes.c_char_p,
        ctypes.c_int64, ctypes.POINTER(ctypes.c_float)]
    lib.diffuse_last_error.restype = ctypes.c_char_p
    lib.diffuse_free.argtypes = [ctypes.c_void_p]
    return lib


def sample(lib, path, count, seed=0, sampler=None, steps=0):
    """Returns the shape [count, ...] and the numbers as a flat ctypes array."""
    model = lib.diffuse_load(path.encode(), b"auto")
    if not model:
        raise RuntimeError(lib.diffuse_last_error().decode())
    try:
        sizes = (ctypes.c_int64 * 3)()
        shape = [count, *sizes[:lib.diffuse_sample_shape(model, sizes)]]
        numbers = (ctypes.c_float * math.prod(shape))()
        name = sampler.encode() if sampler else None
        if lib.diffuse_sample(model, 0, count, seed, name, steps, numbers) != 0:
            raise RuntimeError(lib.diffuse_last_error().decode())
        return shape, numbers
    finally:
        lib.diffuse_free(model)


if __name__ == "__main__":
    shape, numbers = sample(load_library(sys.argv[1]), sys.argv[2], count=4)
    print("shape", shape, "mean", sum(numbers) / len(numbers))
