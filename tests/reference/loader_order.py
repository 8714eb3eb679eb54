"""Prints the epoch orders quoted in tests/data/batch_loader_test.cpp: Fisher-Yates from the last
item down, each partner drawn without bias from 64-bit words. (random_stream prints its own first.)
"""

from random_stream import words

SHUFFLE = 3


def permutation(seed, epoch, size):
    # More words than needed: a draw from the uneven end of the range is thrown away.
    stream = iter(words(seed, SHUFFLE, epoch, 0, 4 * size))
    order = list(range(size))
    for i in range(size - 1, 0, -1):
        limit = (2**64 - 1) // (i + 1) * (i + 1)
        value = limit
        while value >= limit:
            value = next(stream) << 32 | next(stream)
        order[i], order[value % (i + 1)] = order[value % (i + 1)], order[i]
    return order


for epoch in (0, 1):
    print("epoch", epoch, permutation(seed=5, epoch=epoch, size=10))
