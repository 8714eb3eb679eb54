"""What torch-fidelity 0.4.0 and pytorch-fid 0.3.0 make of the features that tests/eval/features.h
makes too. Wants both packages, with SciPy and torchvision; the tests hold what it prints.
"""

import numpy as np
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import prc_features_to_metric


def features(rows, columns, kind):
    i, j = np.arange(1, rows + 1)[:, None], np.arange(1, columns + 1)[None]
    if kind == "samples":
        return np.cos(i * (j + 1) + 0.1 * i * i) + 0.5 * np.cos(0.7 * i * i)
    return 1.1 * np.cos(1.3 * i * (j + 1) + 0.2 * i * i) + 0.4 * np.cos(0.3 * i * i) + 0.02 * j


def statistics(x):
    return x.mean(axis=0), np.cov(x, rowvar=False)


def sliced_wasserstein(a, b, directions=500):
    """As tests/python/swiss_roll_test.py has it."""
    angles = np.pi * (np.arange(directions) + 0.5) / directions
    axes = np.stack([np.cos(angles), np.sin(angles)])
    squares = (np.sort(a @ axes, axis=0) - np.sort(b @ axes, axis=0)) ** 2
    return float(np.sqrt(squares.mean(axis=0)).mean())


samples, data = features(400, 8, "samples"), features(300, 8, "data")
print("frechet", repr(calculate_frechet_distance(*statistics(samples), *statistics(data))))
few = [statistics(x[:20]) for x in (features(20, 32, "samples"), features(20, 32, "data"))]
print("frechet of rank 19", repr(calculate_frechet_distance(*few[0], *few[1])))
kernel = dict(kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None,
              kid_kernel_poly_coef0=1)
print("kid", repr(float(kernel_mmd(samples[:300], data, **kernel))))
rbf = dict(kid_kernel="rbf", kid_kernel_rbf_sigma=1.5)
print("rbf", repr(float(kernel_mmd(samples[:300], data, **rbf))))
print("is", isc_features_to_metric(torch.tensor(3 * samples[:333]), splits=10, shuffle=False))
small = torch.tensor(samples), torch.tensor(0.6 * data)
print("prc", prc_features_to_metric(*small, prc_neighborhood=3, prc_batch_size=10000,
                                    save_cpu_ram=False, verbose=False))
print("swd", repr(sliced_wasserstein(features(300, 2, "samples"), features(300, 2, "data"))))
