#!/usr/bin/env python3
"""Train the conditional presets and measure what they make of their conditions: one JSON object on stdout.

    python benchmarks/conditioning.py --diffuse build/release/diffuse --out runs/conditioning

Takes the configs named, by default all in configs/ whose condition.type is "downscale" (super-resolution) or "grey"
(colourisation), trains each below --out unless it holds a model.pt already, and measures on pictures that training
has not seen: MNIST's test digits, drawn shapes of another seed, as `diffuse forward` writes them, or --pictures, an
.npy of float [N, C, H, W] from -1 to 1.

- downscale: the PSNR in dB of the model's pictures, and of bicubic upsampling by Pillow, against the true ones
  (target: 3 dB more), and the largest difference in grey levels between the model's pictures scaled down again and
  the low resolution that they were drawn for (target: at most 1);
- grey: the root mean square distance to the true colours in grey levels, of the model's pictures and of the grey
  ones (target: less), and the largest difference of their luminance from the one given.

Needs NumPy and Pillow. Exit code 1 where a target is missed.
"""

import argparse
import gzip
import json
import os
import pathlib
import shlex
import sys

import numpy as np
from PIL import Image

from commands import timed, train_once

ROOT = pathlib.Path(__file__).resolve().parents[1]
LEVEL = 127.5  # grey levels for each unit
LUMINANCE = np.array([0.299, 0.587, 0.114])
GAIN_DB, MOST_LEVELS = 3.0, 1.0  # the targets


def conditional_presets():
    """Those with a downscaled or grey picture as their condition."""
    found = []
    for path in sorted((ROOT / "configs").glob("*.json")):
        kind = json.loads(path.read_text()).get("condition", {}).get("type")
        if kind in ("downscale", "grey"):
            found.append(path)
    return found


def area_means(x, factor):
    """[N, C, H, W] -> [N, C, H / factor, W / factor]."""
    n, channels, height, width = x.shape
    parts = x.reshape(n, channels, height // factor, factor, width // factor, factor)
    return parts.mean(axis=(3, 5))


def bicubic(low, factor):
    """Pillow's, channel by channel in float32."""
    size = (low.shape[3] * factor, low.shape[2] * factor)
    planes = [np.asarray(Image.fromarray(plane, mode="F").resize(size, Image.Resampling.BICUBIC))
              for plane in low.astype(np.float32).reshape(-1, *low.shape[2:])]
    return np.stack(planes).reshape(*low.shape[:2], size[1], size[0])


def psnr(x, truth):
    """Of pictures in [-1, 1], in dB: the mean over pictures, each clamped."""
    errors = ((x.clip(-1, 1) - truth) ** 2).mean(axis=(1, 2, 3))
    return float((10 * np.log10(4 / np.maximum(errors, 1e-12))).mean())


def luminance(x):
    return np.tensordot(x, LUMINANCE, axes=([1], [0]))[:, None]


def largest(difference):
    """In grey levels: the largest, and that which one number in a thousand exceeds."""
    levels = np.abs(difference) * LEVEL
    return {"largest": float(levels.max()), "of_999_in_1000": float(np.quantile(levels, 0.999))}


def rms(difference):
    return float(np.sqrt((difference**2).mean()) * LEVEL)


def mnist_test_digits(path):
    """[10000, 1, 28, 28] in [-1, 1] from an IDX file, plain or .gz."""
    folders = [pathlib.Path(path or "mnist"), pathlib.Path(os.environ.get("DIFFUSE_DATA", "data"),
                                                           path or "mnist")]
    for file in (folder / name for folder in folders
                 for name in ("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz")):
        if file.exists():
            content = (gzip.open if file.suffix == ".gz" else open)(file, "rb").read()
            return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 1, 28, 28) / LEVEL - 1
    sys.exit(f"no t10k-images-idx3-ubyte in {folders[0]} or {folders[1]}")


def unseen(options, config, data, folder):
    """True pictures [N, C, H, W] for a run's data section."""
    if options.pictures:
        return np.load(options.pictures)[:options.n].astype(np.float64)
    if data["type"] == "mnist":
        return mnist_test_digits(data["path"])[:options.n]
    if data["type"] != "shapes":
        sys.exit(f"{config}: its data are stored; --pictures names an .npy of others")
    target = folder / "unseen.npy"
    timed([options.diffuse, "forward", "--config", config, "--set", f"seed={options.seed}",
           "--items", options.n, "--frames", 2, "--mode", "closed-form", "-o", target])
    return np.load(target)[0].astype(np.float64)  # at t = 0


def drawn(options, folder, condition, name):
    """The model's pictures for conditions [N, C, H, W], one each, and the seconds."""
    given, target = folder / f"{name}.npy", folder / f"{name}_drawn.npy"
    np.save(given, condition.astype(np.float32))
    seconds = timed([options.diffuse, "sample", "--ckpt", folder, "--condition", given, "-n", 1,
                     "-o", target] + shlex.split(options.sample))
    return np.load(target).astype(np.float64), seconds


def measure_downscale(options, folder, truth, factor):
    low = area_means(truth, factor)
    x, seconds = drawn(options, folder, low, "low")
    result = {"sample_s": seconds, "psnr": psnr(x, truth), "bicubic": psnr(bicubic(low, factor), truth),
              "levels_from_the_condition": largest(area_means(x.clip(-1, 1), factor) - low)}
    result["gain_db"] = result["psnr"] - result["bicubic"]
    result["met"] = (result["gain_db"] >= GAIN_DB
                     and result["levels_from_the_condition"]["largest"] <= MOST_LEVELS)
    return result


def measure_grey(options, folder, truth):
    grey = luminance(truth)
    x, seconds = drawn(options, folder, grey, "grey")
    result = {"sample_s": seconds, "from_true_colours": rms(x.clip(-1, 1) - truth),
              "grey_from_true_colours": rms(grey - truth),
              "levels_from_the_condition": largest(luminance(x.clip(-1, 1)) - grey)}
    result["met"] = result["from_true_colours"] < result["grey_from_true_colours"]
    return result


def measure(options, config):
    folder = options.out / config.stem
    result = train_once(options.diffuse, config, folder, options.train)
    settings = json.loads((folder / "config.json").read_text())
    condition = settings["condition"]
    truth = unseen(options, config, settings["data"], folder)
    if condition["type"] == "grey":
        return result | measure_grey(options, folder, truth)
    return result | {"factor": condition["factor"]} | measure_downscale(options, folder, truth,
                                                                       condition["factor"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", type=pathlib.Path, help="default: see above")
    parser.add_argument("--diffuse", default=ROOT / "build" / "release" / "diffuse")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of run folders")
    parser.add_argument("-n", type=int, default=64, help="pictures to measure")
    parser.add_argument("--seed", type=int, default=987654321, help="of the unseen pictures")
    parser.add_argument("--pictures", type=pathlib.Path, help=".npy for stored data sets")
    parser.add_argument("--train", default="", help='more words for train: "--set train.steps=9"')
    parser.add_argument("--sample", default="", help='more words for sample: "--steps 25"')
    options = parser.parse_args()
    configs = options.configs or conditional_presets()
    if not configs:
        sys.exit("no config with the condition.type downscale or grey")
    results = {config.stem: measure(options, config) for config in configs}
    print(json.dumps(results))
    sys.exit(0 if all(result["met"] for result in results.values()) else 1)


if __name__ == "__main__":
    main()
