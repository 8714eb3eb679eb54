"""Prints the value of tests/train/muon_test.cpp: Keller Jordan's Newton-Schulz iteration on [[3, 1], [1, 2]],
in plain Python. Usage: muon_reference.py"""
from math import sqrt


def product(a, b):
    return [[sum(a[i][k] * b[k][j] for k in range(2)) for j in range(2)] for i in range(2)]


x = [[3.0, 1.0], [1.0, 2.0]]
norm = sqrt(sum(v * v for row in x for v in row)) + 1e-7
x = [[v / norm for v in row] for row in x]
for _ in range(5):
    a = product(x, [list(column) for column in zip(*x)])
    aa = product(a, a)
    b = [[-4.7750 * a[i][j] + 2.0315 * aa[i][j] for j in range(2)] for i in range(2)]
    bx = product(b, x)
    x = [[3.4445 * x[i][j] + bx[i][j] for j in range(2)] for i in range(2)]
print(x)
