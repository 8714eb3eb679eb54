"""What a reader of a report sees, in a real browser: charts drawn, values under the pointer, the slider,
light and dark, narrow and wide windows.

Exit code 77 (skipped) when DIFFUSE_PROGRAM is not set or there is no Chromium.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import browser

if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)
if browser.find() is None:
    print("Skipped: no chromium on the path")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LEFT = 37  # the left arrow's key code


def diffuse(*arguments):
    result = subprocess.run([os.environ["DIFFUSE_PROGRAM"], *map(str, arguments)], capture_output=True,
                            text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name, seed in (("a", 1), ("b", 2)):
            diffuse("train", "--config", "configs/shapes.json", "--out", cls.folder / name, "--seed", seed,
                    "--set", "data.image_size=8", "--set", "model.channels=8", "--set",
                    "model.channel_multipliers=[1]", "--set", "model.attention_resolutions=[]", "--set",
                    "model.class_conditional=true", "--set", "train.steps=40", "--set", "train.log_every=5",
                    "--set", "train.eval_every=10", "--set", "train.eval_samples=64", "--set",
                    "train.sample_every=10", "--set", "train.warmup_steps=2", "--set", "sample.steps=2",
                    "--set", "data.count=256")
        diffuse("sample", "--ckpt", cls.folder / "a", "-n", "4", "--seed", "7", "-o",
                cls.folder / "a/later.png")
        diffuse("sample", "--ckpt", cls.folder / "a", "-n", "2", "-o", cls.folder / "a/film.apng")
        diffuse("eval", "--ckpt", cls.folder / "a", "--items", "4", "--timesteps-per-item", "2", "--json",
                cls.folder / "a/bpd.json")
        cls.one, cls.two = cls.folder / "one.html", cls.folder / "two.html"
        diffuse("report", cls.folder / "a", "-o", cls.one, "-q")
        diffuse("report", cls.folder / "a", cls.folder / "b", "-o", cls.two)
        cls.page = browser.Browser()
        cls.addClassCleanup(cls.page.close)

    def setUp(self):
        self.page.resize(1280, 900)
        self.page.dark(False)

    def open(self, path, **options):
        self.page.open(path, **options)
        if "SCREENSHOTS" in os.environ:  # to look at
            self.page.screenshot(pathlib.Path(os.environ["SCREENSHOTS"]) / f"{self.id()}.png", whole=True)

    def shown(self):
        """The steps of the grids in sight."""
        return self.page.evaluate("[...document.querySelectorAll('.slides figure')].filter(f => "
                                  "f.checkVisibility()).map(f => f.querySelector('figcaption').textContent)")

    def test_no_errors_and_nothing_is_loaded(self):
        for path in (self.one, self.two):
            self.open(path)
            self.assertEqual(self.page.errors, [])
            self.assertEqual([url for url in self.page.requests() if not url.startswith("data:")],
                             [path.as_uri()])

    def test_pictures_are_drawn(self):
        self.open(self.one)
        sizes = self.page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
        self.assertEqual(len(sizes), 4 + 2)
        self.assertTrue(all(done and width > 0 for done, width in sizes), sizes)
        captions = self.page.evaluate(
            "[...document.querySelectorAll('.pictures figcaption')].map(c => c.textContent)")
        self.assertEqual(len(captions), 2)
        self.assertIn("later.png, 4 samples, ddim, 2 steps, guidance 1, seeds 7, model of step 40", captions)

    def test_slider_goes_through_the_grids(self):
        self.open(self.one)
        self.assertEqual(self.shown(), ["step 40"])
        self.page.evaluate("document.querySelector('input[type=range]').focus()")
        for step in ("step 30", "step 20", "step 10", "step 10"):
            self.page.key("ArrowLeft", LEFT)
            self.assertEqual(self.shown(), [step])

    def test_grids_name_their_classes(self):
        self.open(self.one)
        config = json.loads((self.folder / "a/config.json").read_text())
        names = config["model"]["class_names"]
        labels = self.page.evaluate("[...document.querySelectorAll('.slides figure:not([hidden]) .labels "
                                    "span')].map(s => [s.textContent, s.offsetLeft, s.offsetTop])")
        self.assertEqual([label[0] for label in labels], [names[i % len(names)] for i in range(16)])
        self.assertEqual([label[1] for label in labels[:4]], [label[1] for label in labels[4:8]])
        self.assertEqual(len({label[2] for label in labels}), 4)

    def test_curves_are_drawn_inside_their_charts(self):
        self.open(self.one)
        titles = self.page.evaluate(
            "[...document.querySelectorAll('.charts .chart-title')].map(t => t.textContent)")
        for title in ("Training loss", "Held-out error of ε", "Held-out error by quarter of t", "Speed"):
            self.assertIn(title, titles)
        self.assertEqual(len(titles), len(set(titles)))
        boxes = self.page.evaluate("""[...document.querySelectorAll('.chart-line')].map(line => {
          const [l, c] = [line, line.closest('svg')].map(e => e.getBoundingClientRect());
          return [l.width / c.width, l.left >= c.left && l.right <= c.right && l.top >= c.top &&
                  l.bottom <= c.bottom, line.getTotalLength()]; })""")
        self.assertGreaterEqual(len(boxes), 7)
        for width, inside, length in boxes:
            self.assertGreater(width, 0.6)
            self.assertTrue(inside)
            self.assertGreater(length, 100)

    def test_the_pointer_shows_the_values_under_it(self):
        self.open(self.one)
        x, y, width = self.page.evaluate("""(() => { const chart = document.querySelector('.chart');
          chart.scrollIntoView({block: 'center'}); const box = chart.getBoundingClientRect();
          return [box.left, box.top + box.height / 2, box.width]; })()""")
        rows = [json.loads(line) for line in (self.folder / "a/metrics.jsonl").read_text().splitlines()]
        losses = [row for row in rows if "train/loss" in row]
        for at, row in ((0.95, losses[-1]), (0.12, losses[0])):
            self.page.move(x + at * width, y)
            text = self.page.evaluate("document.querySelector('.tip').textContent")
            step, value = text.split("\n")
            self.assertEqual(step, f"step {row['step']}")
            self.assertAlmostEqual(float(value), row["train/loss"], delta=1e-4 * row["train/loss"])
        self.page.move(1, 1)
        self.assertTrue(self.page.evaluate("document.querySelector('.tip').hidden"))

    def test_two_runs_lie_over_each_other(self):
        self.open(self.two)
        self.assertEqual(self.page.evaluate("document.querySelector('.chart').querySelectorAll("
                                            "'.chart-line').length"), 2)
        tables = self.page.evaluate("[...document.querySelectorAll('table')].map(t => [...t.rows].map("
                                    "r => [...r.cells].map(c => c.textContent)))")
        self.assertEqual(tables[0][0], ["", "a", "b"])
        self.assertEqual(tables[1], [["key", "a", "b"], ["seed", "1", "2"]])
        self.assertEqual(self.shown(), ["step 40", "step 40"])

    def test_summary_says_what_was_measured(self):
        self.open(self.one)
        rows = dict(self.page.evaluate("[...document.querySelector('table').rows].map(r => "
                                       "[...r.cells].map(c => c.textContent))"))
        info = json.loads(diffuse("info", self.folder / "a", "--json"))
        self.assertEqual(rows["parameters"].replace(",", ""), str(info["parameters"]))
        self.assertEqual(rows["steps"], "40 of 40")
        self.assertEqual(rows["seen"], "1,280 images")
        self.assertRegex(rows["speed"], r"^[\d.]+ images/s$")
        bpd = json.loads((self.folder / "a/bpd.json").read_text())["bpd"]["total"]
        self.assertAlmostEqual(float(rows["bits/dim, bound"].split()[0]), bpd["mean"],
                               delta=1e-3 * abs(bpd["mean"]))
        marked = self.page.evaluate("[...document.querySelectorAll('mark')].map(m => m.textContent)")
        self.assertTrue(any('"steps": 40' in line for line in marked))
        self.assertFalse(any('"beta1"' in line for line in marked))
        commands = self.page.evaluate("[...document.querySelectorAll('pre')].at(-1).textContent")
        self.assertIn("diffuse train --config configs/shapes.json --set data.image_size=8", commands)

    def test_readable_without_scripts(self):
        self.open(self.one, scripts=False)
        self.page.call("Emulation.setScriptExecutionDisabled", value=False)
        self.assertEqual(self.shown(), ["step 40"])
        self.assertEqual(self.page.evaluate("document.querySelector('details summary').textContent"),
                         "3 earlier")
        self.assertGreater(self.page.evaluate("document.querySelector('.chart-line').getTotalLength()"), 100)

    def test_no_window_is_too_narrow_or_too_wide(self):
        for width in (320, 800, 2560):
            self.page.resize(width, 900)
            for path in (self.one, self.two):
                self.open(path)
                self.assertEqual(self.page.evaluate("document.documentElement.scrollWidth"), width)
                widths = self.page.evaluate(
                    "[...document.querySelectorAll('.charts svg')].map(s => s.getBoundingClientRect().width)")
                self.assertGreaterEqual(min(widths), min(width - 40, 300))
                self.assertLess(max(widths), 900)

    def test_light_and_dark(self):
        def lightness(selector, key):
            text = self.page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{key}")
            return sum(map(float, text.removeprefix("rgb(").removesuffix(")").split(","))) / 3
        for dark in (False, True):
            self.page.dark(dark)
            self.open(self.one)
            page, text = lightness("body", "backgroundColor"), lightness(".chart-title", "fill")
            self.assertEqual(page < 60, dark)
            self.assertEqual(text > 200, dark)

    def test_chart_files_are_drawn_by_themselves(self):
        file = self.folder / "schedule.svg"
        diffuse("schedule", "--kind", "linear", "--plot", file)
        root = xml.etree.ElementTree.parse(file).getroot()
        words = "".join(root.itertext())
        for word in ("β, forward", "β̃", "ᾱ", "T = 1000"):
            self.assertIn(word, words)
        self.open(file)
        self.assertEqual(self.page.errors, [])
        self.assertGreater(self.page.evaluate("document.querySelector('.chart-line').getTotalLength()"), 300)


if __name__ == "__main__":
    unittest.main()
