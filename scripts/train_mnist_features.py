#!/usr/bin/env python3
"""Train a small feature network on MNIST for `diffuse eval --features`: a TorchScript file.

    .deps/python/bin/python scripts/train_mnist_features.py -o mnist_features.pt

An alternative to the usual Inception network, and more informative for digits. Its figures are
comparable only with figures from the same file (the SHA-1 is printed here and in the report of
`diffuse eval`): report them as "FID of mnist_features", never as plain FID.

Its forward takes uint8 [B, 3, H, W] and returns 128 features, the input of the last layer of a
digit classifier, and the 10 logits. Training takes one to two minutes on two cores. MNIST is read
from --data, else $DIFFUSE_DATA/mnist, else ../shared/data/mnist beside the repository.
"""

import argparse
import hashlib
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import torch  # noqa: E402
from mnist_classifier import judge  # noqa: E402


class MnistFeatures(torch.nn.Module):
    def __init__(self, classifier):
        super().__init__()
        self.body, self.head = classifier[:-1], classifier[-1]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = images.float().mean(1, keepdim=True) / 127.5 - 1
        if x.shape[2] != 28 or x.shape[3] != 28:
            x = torch.nn.functional.interpolate(
                x, size=[28, 28], mode="bilinear", align_corners=False, antialias=True)
        features = self.body(x)
        return features, self.head(features)


def main():
    root = os.environ.get("DIFFUSE_DATA") or ROOT.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=pathlib.Path, default="mnist_features.pt")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(root) / "mnist")
    options = parser.parse_args()

    classifier, accuracy = judge(options.data, cache=None)
    torch.jit.script(MnistFeatures(classifier).eval()).save(str(options.out))
    sha1 = hashlib.sha1(options.out.read_bytes()).hexdigest()
    print(f"{options.out}: {accuracy:.2%} of the test digits right, SHA-1 {sha1}")


if __name__ == "__main__":
    main()
