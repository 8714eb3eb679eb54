"""Judge generated digits with a small convolutional network trained on the real MNIST.

    mnist_classifier.py --samples digits.npz [--classes labels.npy] [--cache judge.pt]
    mnist_classifier.py                      # train only; prints its accuracy

Training takes one to two minutes on two cores and reaches 99.3 % on the test digits; --cache keeps
the weights. MNIST is read from --data, else $DIFFUSE_DATA/mnist, else ../shared/data/mnist beside
the repository. Samples are .npz (arr_0, uint8, [N, 28, 28, 1]) or .npy (float32, [N, 1, 28, 28],
in [-1, 1]). Prints one JSON object:

    accuracy         share of the real test digits this judge gets right
    n                samples judged
    confident        share of samples whose largest softmax probability exceeds 0.9
    class_histogram  samples per judged digit, 0 to 9
    agreement        share judged to be the digit asked for (with --classes)

On the real test digits `confident` is about 0.98: that is the ceiling for a generator.
"""

import argparse
import gzip
import json
import os
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SURE = 0.9


def read_idx(path):
    """Array of an IDX file (big-endian header: 0, 0, type 8 = uint8, rank, then the sizes)."""
    plain = path.with_suffix("")
    data = gzip.open(path).read() if path.exists() else plain.read_bytes()
    if data[:3] != b"\0\0\x08":
        raise SystemExit(f"{path}: not an IDX file of bytes")
    shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def mnist(folder, part):
    """Images [N, 1, 28, 28] in [-1, 1] and labels [N] of part "train" or "t10k"."""
    images = torch.from_numpy(read_idx(folder / f"{part}-images-idx3-ubyte.gz").copy())
    labels = torch.from_numpy(read_idx(folder / f"{part}-labels-idx1-ubyte.gz").copy())
    return images.unsqueeze(1).float() / 127.5 - 1, labels.long()


def build():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, 128), nn.ReLU(),
        nn.Dropout(0.3), nn.Linear(128, 10))  # fmt: skip


def train(images, labels, epochs=3, batch=128):
    model = build().train()
    optimizer = torch.optim.Adam(model.parameters())
    steps = epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(images))[: steps // epochs * batch].split(batch):
            optimizer.zero_grad()
            F.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return model


@torch.no_grad()
def probabilities(model, images):
    """Softmax probabilities [N, 10]."""
    return torch.cat([model(part).softmax(1) for part in images.split(500)])


def judge(folder, cache):
    """The trained network in evaluation mode and its accuracy on the test digits."""
    if cache and cache.exists():
        saved = torch.load(cache, weights_only=True)
        model = build().eval()
        model.load_state_dict(saved["model"])
        return model, saved["accuracy"]
    torch.manual_seed(0)
    model = train(*mnist(folder, "train")).eval()
    images, labels = mnist(folder, "t10k")
    accuracy = (probabilities(model, images).argmax(1) == labels).float().mean().item()
    if cache:
        cache.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model": model.state_dict(), "accuracy": accuracy}, cache)
    return model, accuracy


def read_samples(path):
    """Samples [N, 1, 28, 28] float32 in [-1, 1]."""
    if path.suffix == ".npz":
        images = torch.from_numpy(np.load(path)["arr_0"]).permute(0, 3, 1, 2).float() / 127.5 - 1
    else:
        images = torch.from_numpy(np.load(path)).float().clamp(-1, 1)
    if images.shape[1:] != (1, 28, 28):
        raise SystemExit(f"{path}: samples are {tuple(images.shape)}, want 1 x 28 x 28 digits")
    return images


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    data = os.environ.get("DIFFUSE_DATA") or root.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=pathlib.Path)
    parser.add_argument("--classes", type=pathlib.Path, help=".npy of the digits asked for [N]")
    parser.add_argument("--cache", type=pathlib.Path, help="where the judge's weights are kept")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(data) / "mnist")
    options = parser.parse_args()

    model, accuracy = judge(options.data, options.cache)
    result = {"accuracy": accuracy}
    if options.samples:
        sure, digit = probabilities(model, read_samples(options.samples)).max(1)
        result["n"] = len(digit)
        result["confident"] = (sure > SURE).float().mean().item()
        result["class_histogram"] = torch.bincount(digit, minlength=10).tolist()
        if options.classes:
            asked = torch.from_numpy(np.load(options.classes)).long().flatten()
            result["agreement"] = (digit == asked).float().mean().item()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
