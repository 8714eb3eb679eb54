"""Prints the variances of samples quoted in src/eval/verify_oracle.cpp, in plain Python floats.

Data N(0, s2), the best network eps = sqrt(1 - ab) / (ab s2 + 1 - ab) x_t, the linear schedule of
1000 steps: each sampler multiplies x by a number a step and adds noise of known variance.
Usage: oracle_reference.py
"""

from math import sqrt

STEPS = 1000
BETA = [1e-4 + (0.02 - 1e-4) * i / (STEPS - 1) for i in range(STEPS)]
ALPHA_BAR = []
for b in BETA:
    ALPHA_BAR.append((ALPHA_BAR[-1] if ALPHA_BAR else 1) * (1 - b))


def eps_factor(t, s2):
    return sqrt(1 - ALPHA_BAR[t]) / (ALPHA_BAR[t] * s2 + 1 - ALPHA_BAR[t])


def ancestral(s2, posterior):
    """Ho et al. 2020, Algorithm 2; the last step adds no noise."""
    variance = 1.0
    for t in reversed(range(STEPS)):
        now, before = ALPHA_BAR[t], ALPHA_BAR[t - 1] if t else 1.0
        factor = (1 - BETA[t] / sqrt(1 - now) * eps_factor(t, s2)) / sqrt(1 - BETA[t])
        added = BETA[t] * ((1 - before) / (1 - now) if posterior else 1) if t else 0
        variance = factor * factor * variance + added
    return variance


def ddim(s2, steps):
    """Song et al. 2021, eq. 12 with eta = 0, at t = 0, k, 2k, ... with k = T / steps."""
    factor = 1.0
    for i in reversed(range(steps)):
        stride = STEPS // steps
        now, before = ALPHA_BAR[i * stride], ALPHA_BAR[(i - 1) * stride] if i else 1.0
        eps = eps_factor(i * stride, s2)
        factor *= sqrt(before) * (1 - sqrt(1 - now) * eps) / sqrt(now) + sqrt(1 - before) * eps
    return factor * factor


if __name__ == "__main__":
    for s2 in (0.25, 1.0):
        print(f"ancestral, s2 {s2}: beta {ancestral(s2, False)!r}, posterior {ancestral(s2, True)!r}")
    for steps in (10, 50, 1000):
        print(f"ddim, s2 0.25, {steps} steps: {ddim(0.25, steps)!r}")
