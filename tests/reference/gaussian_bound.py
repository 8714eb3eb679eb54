"""Prints the bound of the exact network for data N(0, s2), quoted in tests/eval/bound_test.cpp.

Plain Python floats, from the closed forms alone. With v = Var[x_0 | x_t], c the coefficient of x_0
in the mean of q(x_{t-1} | x_t, x_0) and b its variance, in nats per dimension:
    L_{t-1} = (ln(sigma2 / b) + b / sigma2 - 1 + c^2 v / sigma2) / 2
    L_0     = (ln(2 pi b_2) + v / b_2) / 2          b_2: the second timestep's, as the code has it
    L_T     = (ab s2 - ab - ln(1 - ab)) / 2
Distortion is v. Usage: gaussian_bound.py
"""

from math import cos, log, pi, sqrt


def linear(first, last, steps):
    return [first + (last - first) * i / (steps - 1) for i in range(steps)]


def cosine(steps):
    alpha_bar = [cos((i / steps + 0.008) / 1.008 * pi / 2) ** 2 for i in range(steps + 1)]
    return [min(1 - b / a, 0.999) for a, b in zip(alpha_bar, alpha_bar[1:])]


SCHEDULES = {
    "linear 1000": linear(1e-4, 0.02, 1000),
    "linear 200 to 0.05": linear(1e-4, 0.05, 200),
    "cosine 100": cosine(100),
}


def rows(beta):
    """(alpha_bar, variance of q(x_{t-1} | x_t, x_0), coefficient of x_0 in its mean)"""
    kept = 1.0
    for b in beta:
        before, kept = kept, kept * (1 - b)
        yield kept, b * (1 - before) / (1 - kept), b * sqrt(before) / (1 - kept)


def bound(beta, variance, s2):
    table = list(rows(beta))
    unknown = [s2 * (1 - kept) / (kept * s2 + 1 - kept) for kept, _, _ in table]
    terms = [(log(2 * pi * table[1][1]) + unknown[0] / table[1][1]) / 2]
    for t in range(1, len(beta)):
        _, b, c = table[t]
        sigma2 = beta[t] if variance == "fixed_large" else b
        terms.append((log(sigma2 / b) + b / sigma2 - 1 + c * c * unknown[t] / sigma2) / 2)
    last = table[-1][0]
    prior = (last * s2 - last - log(1 - last)) / 2
    return prior / log(2), [x / log(2) for x in terms], unknown


def main():
    for name, beta in SCHEDULES.items():
        for variance in ("fixed_large", "fixed_small"):
            for s2 in (1, 0.25, 0.01):
                prior, terms, _ = bound(beta, variance, s2)
                print(f"{name}, {variance}, {s2}: prior {prior:.9g} "
                      f"diffusion {sum(terms[1:]):.9g} reconstruction {terms[0]:.9g}")
    prior, terms, unknown = bound(SCHEDULES["linear 1000"], "fixed_large", 0.25)
    for t in (999, 200, 10, 1):
        print(f"t {t}: rate {prior + sum(terms[t + 1:]):.7g} rmse {127.5 * sqrt(unknown[t]):.6g}")


main()
