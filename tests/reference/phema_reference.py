"""Prints the values of tests/model/power_ema_test.cpp: the powers of two widths, and the weights that rebuild
an average of width 0.15 from snapshots, by Algorithm 2 and 3 of Karras et al. 2024 in numpy.
Usage: phema_reference.py"""
import numpy as np


def power(width):
    t = width ** -2
    return np.roots([1, 7, 16 - t, 12 - t]).real.max()


def p_dot_p(t_a, gamma_a, t_b, gamma_b):
    t_exp = np.where(t_a < t_b, gamma_b, -gamma_a)
    num = (gamma_a + 1) * (gamma_b + 1) * (t_a / t_b) ** t_exp
    return num / ((gamma_a + gamma_b + 1) * np.maximum(t_a, t_b))


def solve(t_i, gamma_i, t_r, gamma_r):
    rows, columns = (np.float64(x).reshape(-1, 1) for x in (t_i, gamma_i))
    a = p_dot_p(rows, columns, rows.T, columns.T)
    b = p_dot_p(rows, columns, np.float64(t_r), np.float64(gamma_r))
    return np.linalg.solve(a, b)[:, 0]


print([repr(power(width)) for width in (0.05, 0.1, 0.25)])
steps = [100, 100, 200, 200, 300, 300]
print(solve(steps, [power(.05), power(.1)] * 3, 300, power(.15)).tolist())
