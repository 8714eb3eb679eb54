"""The values quoted in tests/train/optimizer_test.cpp, from the algorithms' text alone."""
import math


def trajectory(weight_decay=0.0, decoupled=False, steps=3, lr=0.1, b1=0.9, b2=0.999, eps=1e-8):
    x, m, v, values = 1.0, 0.0, 0.0, []
    for n in range(1, steps + 1):
        g = 2 * x
        if decoupled:
            x -= lr * weight_decay * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        x -= lr * (m / (1 - b1**n)) / (math.sqrt(v / (1 - b2**n)) + eps)
        values.append(x)
    return values


print("adam ", *(f"{x:.10f}" for x in trajectory()))
print("adamw", *(f"{x:.10f}" for x in trajectory(0.5, True)))
