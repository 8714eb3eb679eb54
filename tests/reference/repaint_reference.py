"""Mean and variance of the painted half of a correlated pair, for tests/sample/inpaint_test.cpp.

Data N(0, [[1, rho], [rho, 1]]), the first number known to be 1, ancestral steps with sigma^2 = beta over
the timesteps 0, k, 2k, ...: everything is linear and Gaussian, so moments are carried along exactly.
The truth is N(rho, 1 - rho^2). Prints: steps, jump, passes, evaluations of the network, mean, variance.
"""

import numpy as np

TIMESTEPS, RHO, KNOWN = 1000, 0.8, 1.0


def walk(steps, jump, passes):
    """RePaint's get_schedule_jump, counted in noise levels: x_T is `steps`, x_0 is 0."""
    jumps = {level: passes - 1 for level in range(1, steps - jump + 1, jump)}
    level = steps
    yield level
    while level > 0:
        level -= 1
        yield level
        if jumps.get(level, 0) > 0:
            jumps[level] -= 1
            for _ in range(jump):
                level += 1
                yield level


def moments(steps, jump, passes):
    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, TIMESTEPS))
    alpha_bar = alpha_bar[np.arange(steps) * (TIMESTEPS // steps)]
    previous = np.r_[1, alpha_bar[:-1]]
    beta = 1 - alpha_bar / previous
    eye, sigma = np.eye(2), np.array([[1, RHO], [RHO, 1]])

    def know(mean, cov, level):
        mean[0], cov[0], cov[:, 0] = KNOWN, 0, 0
        if level > 0:
            mean[0], cov[0, 0] = np.sqrt(alpha_bar[level - 1]) * KNOWN, 1 - alpha_bar[level - 1]
        return mean, cov

    mean, cov = know(np.zeros(2), eye.copy(), steps)
    levels, evaluations = list(walk(steps, jump, passes)), 0
    for now, then in zip(levels, levels[1:]):
        if then > now:
            mean, cov = np.sqrt(1 - beta[now]) * mean, (1 - beta[now]) * cov + beta[now] * eye
            continue
        evaluations += 1
        a, p, b = alpha_bar[then], previous[then], beta[then]
        expected_x0 = np.sqrt(a) * sigma @ np.linalg.inv(a * sigma + (1 - a) * eye)
        step = (np.sqrt(p) * b * expected_x0 + np.sqrt(1 - b) * (1 - p) * eye) / (1 - a)
        noise = b * eye if then > 0 else 0
        mean, cov = know(step @ mean, step @ cov @ step.T + noise, then)
    return evaluations, mean[1], cov[1, 1]


if __name__ == "__main__":
    for case in [(100, 1, 1), (100, 10, 3), (100, 10, 10)]:
        print(*case, *moments(*case))
