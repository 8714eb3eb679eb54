"""Prints the values quoted in tests/core/random_test.cpp, from a second implementation of the
random streams: Philox4x32-10 as in Salmon et al. (2011), written in plain Python integers."""

import math

M32, M64 = 2**32 - 1, 2**64 - 1


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def words(seed, purpose, index, step, count):
    key = mix((mix((seed + 0x9E3779B97F4A7C15) & M64) + purpose) & M64)
    out = []
    for block in range((count + 3) // 4):
        out += philox([block, step, index & M32, index >> 32], [key & M32, key >> 32])
    return out[:count]


def normal_pair(a, b):
    radius = math.sqrt(-2 * math.log((a + 0.5) / 2**32))
    angle = 2 * math.pi * b / 2**32
    return radius * math.cos(angle), radius * math.sin(angle)


def normals(seed, purpose, index, step, count):
    stream = words(seed, purpose, index, step, count + count % 2)
    pairs = [normal_pair(*stream[i:i + 2]) for i in range(0, count, 2)]
    return [x for pair in pairs for x in pair][:count]


if __name__ == "__main__":
    stream = words(seed=42, purpose=6, index=2**32 + 7, step=3, count=6)
    print("words", [hex(w) for w in stream])
    print("uniform", repr(((stream[0] << 32 | stream[1]) >> 11) / 2**53))
    print("normals", normals(seed=42, purpose=6, index=2**32 + 7, step=3, count=4))
