"""Points of the swiss roll by NumPy, and the distance of two sets of points."""
import numpy as np


def swiss_roll(n, rng):
    """scikit-learn's make_swiss_roll(noise=0.3) on axes (0, 2), divided by 4: the post's data."""
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    points = np.stack([t * np.cos(t), t * np.sin(t)], axis=1)
    return (points + 0.3 * rng.standard_normal((n, 2))) / 4


def sliced_wasserstein(a, b, directions=500):
    """Mean over directions of the 2-Wasserstein distance between the projections; equal sizes."""
    angles = np.pi * (np.arange(directions) + 0.5) / directions
    axes = np.stack([np.cos(angles), np.sin(angles)])
    squares = (np.sort(a @ axes, axis=0) - np.sort(b @ axes, axis=0)) ** 2
    return float(np.sqrt(squares.mean(axis=0)).mean())
