"""eval --metrics fid,kid,is,pr on a TorchScript network made here, against NumPy on its features."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ.get("DIFFUSE_PROGRAM")
try:
    import numpy as np
    import torch
    from PIL import Image
except ImportError:
    np = None
if not PROGRAM or np is None:
    print("skipped: wants DIFFUSE_PROGRAM, numpy, torch and pillow")
    sys.exit(77)

N, M = 150, 120  # samples and data


class Net(torch.nn.Module):
    """24 features and 5 classes of uint8 images [B, 3, H, W]."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 12, 5, stride=2), torch.nn.Tanh(),
            torch.nn.Conv2d(12, 24, 5, stride=2), torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())  # fmt: skip
        self.head = torch.nn.Linear(24, 5)

    def forward(self, images):
        assert images.dtype == torch.uint8 and images.shape[1] == 3
        features = 10 * self.body(images.float() / 127.5 - 1)
        return features, 20 * self.head(features)


def images(n, seed, blur):
    """Blurred noise, uint8 [n, 28, 28]."""
    x = np.random.default_rng(seed).standard_normal((n, 28, 28))
    for axis in (1, 2):
        x = sum(np.roll(x, k, axis) for k in range(blur))
    return np.clip(127 + 40 * x / x.std(), 0, 255).astype(np.uint8)


def write_mnist(folder, part, pixels):
    for kind, array in (("images-idx3", pixels), ("labels-idx1", np.zeros(len(pixels), np.uint8))):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
        with gzip.open(os.path.join(folder, f"{part}-{kind}-ubyte.gz"), "wb") as file:
            file.write(header + array.tobytes())


def frechet(x, y):
    """By the eigenvalues of the product, which is not symmetric."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root


def kernel_distance(x, y):
    def mean(a, b, same):
        k = (a @ b.T / a.shape[1] + 1) ** 3
        return (k.sum() - np.trace(k) * same) / (len(a) * (len(b) - same))

    return mean(x, x, 1) + mean(y, y, 1) - 2 * mean(x, y, 0)


def inception_score(p, splits=10):
    parts = [p[i * len(p) // splits:(i + 1) * len(p) // splits] for i in range(splits)]
    return np.mean([np.exp((q * np.log(q / q.mean(0))).sum(1).mean()) for q in parts])


def covered(probes, centres, k=3):
    def distances(a, b):
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))

    radius = np.sort(distances(centres, centres), axis=1)[:, k]
    return (distances(probes, centres) <= radius).any(1).mean()


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.samples, cls.data = images(N, 1, 3), images(M, 2, 2)
        write_mnist(cls.folder.name, "train", cls.data)
        write_mnist(cls.folder.name, "t10k", cls.data[:9])
        np.savez(cls.path("samples.npz"), arr_0=cls.samples[..., None])
        config = {"data": {"type": "mnist", "path": cls.folder.name},
                  "model": {"type": "gaussian_oracle", "variance": 0.25},
                  "diffusion": {"timesteps": 50}}
        with open(cls.path("oracle.json"), "w") as file:
            json.dump(config, file)
        net = Net().eval()
        torch.jit.script(net).save(cls.path("features.pt"))
        with torch.no_grad():
            cls.x, cls.y = (
                net(torch.from_numpy(i).unsqueeze(1).expand(-1, 3, -1, -1))
                for i in (cls.samples, cls.data))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def run_eval(self, *words, wanted=0):
        command = [PROGRAM, "eval", "--ckpt", self.path("oracle.json"), "--json", "-", "--batch",
                   "64", "--device", "cpu", *words]
        if not {"--features", "swd"} & set(words):
            command += ["--features", self.path("features.pt")]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, wanted, done.stderr)
        self.err = done.stderr
        return json.loads(done.stdout) if wanted == 0 else done.stderr

    def test_figures_equal_those_of_numpy(self):
        found = self.run_eval("--samples", self.path("samples.npz"), "--metrics", "fid,kid,is,pr",
                              "--kid-subset-size", str(N), "--kid-subsets", "200")
        (x, logits), (y, _) = self.x, self.y
        x, y = x.double().numpy(), y.double().numpy()
        self.assertAlmostEqual(found["fid"] / frechet(x, y), 1, delta=1e-4)
        whole = kernel_distance(x, y)
        error = 5 * found["kid"]["stddev"] / np.sqrt(200)  # of a mean over subsets of 120
        self.assertEqual(found["kid"]["subset_size"], M)
        self.assertAlmostEqual(found["kid"]["mean"], whole, delta=error)
        score = inception_score(logits.double().softmax(1).numpy())
        self.assertAlmostEqual(found["is"]["mean"], score, delta=1e-4)
        self.assertAlmostEqual(found["pr"]["precision"], covered(x, y), delta=1.5 / N)
        self.assertAlmostEqual(found["pr"]["recall"], covered(y, x), delta=1.5 / M)
        print({k: found[k] for k in ("fid", "kid", "is", "pr")})

    def test_moments_are_those_of_the_pixels(self):
        found = self.run_eval("--samples", self.path("samples.npz"), "--metrics", "fid")["moments"]
        for name, pixels in (("samples", self.samples), ("data", self.data)):
            x = pixels / 127.5 - 1
            np.testing.assert_allclose(found[name]["mean"], [x.mean()], atol=1e-6)
            np.testing.assert_allclose(found[name]["stddev"], [x.std()], atol=1e-6)

    def test_statistics_go_both_ways(self):
        common = ["--samples", self.path("samples.npz"), "--metrics", "fid"]
        fid = self.run_eval(*common, "--save-reference", self.path("r.npz"))["fid"]
        y = self.y[0].double().numpy()
        with np.load(self.path("r.npz")) as file:
            np.testing.assert_allclose(file["mu"], y.mean(0), atol=1e-5)
            np.testing.assert_allclose(file["sigma"], np.cov(y, rowvar=False), atol=1e-4)
            np.savez_compressed(self.path("theirs.npz"), mu=file["mu"], sigma=file["sigma"])
        ours = self.run_eval(*common, "--reference", self.path("r.npz"))
        theirs = self.run_eval(*common, "--reference", self.path("theirs.npz"))
        self.assertEqual([ours["fid"], theirs["fid"]], [fid, fid])
        reference = ours["provenance"]["reference"]
        self.assertEqual(reference["count"], M)
        self.assertEqual(reference["sha1"], theirs["provenance"]["reference"]["sha1"])
        with open(self.path("features.pt"), "rb") as file:
            sha1 = hashlib.sha1(file.read()).hexdigest()
        self.assertEqual(ours["provenance"]["features"]["sha1"], sha1)

    def test_generated_samples_are_those_of_sample(self):
        how = ["-n", "40", "--sampler", "ddim", "--steps", "5", "--seed", "3"]
        subprocess.run([PROGRAM, "sample", "--ckpt", self.path("oracle.json"), "-o",
                        self.path("own.npz"), "-q", "--device", "cpu"] + how, check=True,
                       stdout=subprocess.DEVNULL)
        stored = self.run_eval("--metrics", "fid", "--samples", self.path("own.npz"))
        generated = self.run_eval("--metrics", "fid", *how)
        self.assertEqual(generated["fid"], stored["fid"])
        sampling = generated["provenance"]["sampling"]
        self.assertEqual([sampling[k] for k in ("n", "sampler", "steps", "eta")], [40, "ddim", 5, 0])

    def test_folders_of_images_are_samples(self):
        os.makedirs(self.path("pngs/below"), exist_ok=True)
        for i, pixels in enumerate(self.samples):
            Image.fromarray(pixels).save(self.path(f"pngs/{i:04}.{'PNG' if i % 2 else 'bmp'}"))
        for name in ("below/1.png", "._1.png"):
            Image.fromarray(self.samples[0]).save(self.path(f"pngs/{name}"))
        Image.fromarray(self.samples[0]).save(self.path("pngs/1.avif"))
        stored = self.run_eval("--metrics", "fid", "--samples", self.path("samples.npz"))
        folder = self.run_eval("--metrics", "fid", "--samples", self.path("pngs"))
        self.assertEqual(folder["fid"], stored["fid"])
        for line in ("AVIF pictures, not supported; convert to PNG or JPEG: 1 (1.avif)",
                     "hidden files: 1 (._1.png)", "pictures in folders below: 1 (below/1.png)"):
            self.assertIn(f"left out {line}", self.err)

    def test_bad_use_is_one_clear_line(self):
        samples = ["--samples", self.path("samples.npz"), "--metrics"]
        torch.jit.script(torch.nn.Flatten()).save(self.path("flat.pt"))
        np.savez(self.path("small.npz"), arr_0=self.samples[:, :9, :9, None])
        np.savez(self.path("other.npz"), mu=np.zeros(3), sigma=np.eye(3))
        for words, wanted in [
            (samples + ["fid", "-n", "9999"], "-n 9999: "),
            (samples + ["is", "--features", self.path("flat.pt")], "returns only features"),
            (samples + ["fid", "--features", self.path("samples.npz")], "not a TorchScript file"),
            (samples + ["swd"], "expected points or signals; "),
            (["--samples", self.path("small.npz"), "--metrics", "fid"], "samples of [1, 9, 9]"),
            (samples + ["fid", "--reference", self.path("other.npz")], "statistics have 3 features"),
            (samples + ["kid", "--reference", self.path("other.npz")], "is for the metric fid, not kid"),
        ]:  # fmt: skip
            text = self.run_eval(*words, wanted=2)
            self.assertIn(wanted, text)
            self.assertNotIn("Traceback", text)


if __name__ == "__main__":
    unittest.main()
