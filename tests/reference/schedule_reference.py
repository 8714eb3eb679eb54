"""Prints the noise-schedule values quoted in tests/diffusion, in plain Python floats.

Each schedule is written from its publication's formula (alpha_bar as a product of 1 - beta), and
1 - alpha_bar is summed with Fraction so that no digits are lost. Usage: schedule_reference.py
"""

from fractions import Fraction
from math import cos, erf, erfc, exp, log, log1p, log2, pi, sqrt

STEPS = 1000


def spaced(first, last, count):
    return [first + (last - first) * i / (count - 1) for i in range(count)]


def sigmoid(x):
    return 1 / (1 + exp(-x))


def betas_of(alpha_bar, steps, cap=0.999):
    return [min(1 - alpha_bar((i + 1) / steps) / alpha_bar(i / steps), cap) for i in range(steps)]


def warm_up(share, steps=STEPS, first=1e-4, last=0.02):
    ramp = int(steps * share)
    return spaced(first, last, ramp) + [last] * (steps - ramp)


def zero_terminal(beta):
    """Lin et al. 2023, Algorithm 1."""
    root = [sqrt(a) for a in alpha_bars(beta)]
    scaled = [(r - root[-1]) * root[0] / (root[0] - root[-1]) for r in root]
    squares = [s * s for s in scaled]
    return [1 - squares[0]] + [1 - b / a for a, b in zip(squares, squares[1:])]


def alpha_bars(beta):
    result, product = [], 1.0
    for b in beta:
        product *= 1 - b
        result.append(product)
    return result


def jabri(time, start=-3, end=3):
    return (sigmoid(end) - sigmoid(time * (end - start) + start)) / (sigmoid(end) - sigmoid(start))


SCHEDULES = {
    "linear": spaced(1e-4, 0.02, STEPS),
    "linear 200": spaced(1e-4, 0.05, 200),
    "linear 4000": spaced(1e-4 / 4, 0.02 / 4, 4000),
    "quadratic": [b * b for b in spaced(sqrt(1e-4), sqrt(0.02), STEPS)],
    "constant": [0.02] * STEPS,
    "cosine": betas_of(lambda u: cos((u + 0.008) / 1.008 * pi / 2) ** 2, STEPS),
    "jsd": [1 / (STEPS - i) for i in range(STEPS)],
    "warmup10": warm_up(0.1),
    "warmup50": warm_up(0.5),
    "sigmoid": [sigmoid(x) * (0.02 - 1e-4) + 1e-4 for x in spaced(-6, 6, STEPS)],
    "sigmoid_jabri": betas_of(jabri, STEPS),
}
SCHEDULES["linear, zero terminal"] = zero_terminal(SCHEDULES["linear"])


def print_alpha_bars():
    for name, beta in SCHEDULES.items():
        steps, alpha_bar = len(beta), alpha_bars(beta)
        rows = [alpha_bar[i] for i in (0, steps // 4, steps // 2, 3 * steps // 4, steps - 1)]
        prior = 0.5 * -log1p(-alpha_bar[-1]) / log(2)
        print(f"{name}:", *(f"{v:.9g}" for v in rows), f"L_T {prior:.9g}")


def print_linear_rows():
    beta = [Fraction(b) for b in SCHEDULES["linear"]]
    previous = Fraction(1)
    for i, b in enumerate(beta):
        alpha_bar = (previous * (1 - b)).limit_denominator(10**40)
        if i in (0, 1, 2, 10, 100, 500, 999):
            rest = 1 - alpha_bar
            posterior = (1 - previous) / rest * b
            coef_x0 = sqrt(previous) * float(b / rest)
            coef_xt = sqrt(1 - b) * float((1 - previous) / rest)
            large = float(b / (2 * (1 - b) * rest))
            small = float(b * b / (2 * posterior * (1 - b) * rest)) if posterior else float("inf")
            values = (float(posterior), coef_x0, coef_xt, large, small)
            print(f"row {i}:", *(f"{v:.9g}" for v in values))
        previous = alpha_bar


def print_reconstruction():
    beta = SCHEDULES["linear"]
    first, second = alpha_bars(beta)[:2]
    sigma = sqrt((1 - first) / (1 - second) * beta[1])
    mass = erf(1 / 255 / sigma / sqrt(2))
    print(f"L_0: sigma {sigma:.9g}, log-variance {2 * log(sigma):.9g}, floor {-log2(mass):.9g} bits")


def log_mass(level, mean, log_variance):
    """Logarithm of the mass of an 8-bit level's bin, by erfc on the side where it is small."""
    x, sigma = level / 127.5 - 1, exp(log_variance / 2)
    low = -float("inf") if level == 0 else (x - 1 / 255 - mean) / sigma
    high = float("inf") if level == 255 else (x + 1 / 255 - mean) / sigma
    if low + high < 0:
        low, high = -high, -low
    return log((erfc(low / sqrt(2)) - erfc(high / sqrt(2))) / 2)


def print_likelihoods():
    for case in [(140, 0.3, -4), (200, -0.5, -4.6), (0, -0.9, -3), (255, 0.5, -2), (128, 0, 0)]:
        print(f"log P of level {case}: {log_mass(*case):.9g}")


def print_oracle(variance):
    """Rate after t and RMSE of the best x_0 for data N(0, variance) and sigma_t^2 = beta_t.

    E|mean error|^2 = coef_x0^2 Var[x_0 | x_t], Var[x_0 | x_t] = s2 (1 - ab) / (ab s2 + 1 - ab).
    """
    beta = SCHEDULES["linear"]
    alpha_bar = alpha_bars(beta)
    last = alpha_bar[-1]
    rate = 0.5 * (last * variance - last - log1p(-last)) / log(2)
    for t in range(STEPS - 1, 0, -1):
        now, before = alpha_bar[t], alpha_bar[t - 1]
        unknown = variance * (1 - now) / (now * variance + 1 - now)
        if t in (999, 200, 10, 1):
            print(f"oracle {variance}, t {t}: rate {rate:.9g}, RMSE {127.5 * sqrt(unknown):.9g}")
        posterior = (1 - before) / (1 - now) * beta[t]
        error = before * (beta[t] / (1 - now)) ** 2 * unknown
        ratio = posterior / beta[t]
        rate += 0.5 * (-log(ratio) - 1 + ratio + error / beta[t]) / log(2)
    print(f"oracle {variance}: L_T and all L_(t-1) of t >= 2: {rate:.9g}")


if __name__ == "__main__":
    print_alpha_bars()
    print_linear_rows()
    print_reconstruction()
    print_likelihoods()
    print_oracle(1.0)
    print_oracle(0.25)
