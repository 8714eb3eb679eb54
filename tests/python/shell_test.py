"""What a user of the shell sees: completions, the manual page, help, ls, plot and report.

Exit code 77 (skipped) when DIFFUSE_PROGRAM is not set.
"""

import base64
import csv
import html.parser
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ["DIFFUSE_PROGRAM"]


def diffuse(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT,
                          **options)


class Page(html.parser.HTMLParser):
    """The parts of a report."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.images, self.links, self.text = [], [], [], [], ""
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag == "img":
            self.images.append(attrs["src"])
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


class ShellTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name in ("a", "b"):
            result = diffuse("train", "--config", "configs/swiss_roll.json", "--out",
                             cls.folder / "runs" / name, "--set", "train.steps=20", "--set",
                             "train.log_every=5", "--set", "train.sample_every=10", "--set",
                             "sample.grid=16", "--set", "diffusion.timesteps=20")
            assert result.returncode == 0, result.stderr
            cls.log = result.stderr
        cls.bash = diffuse("completions", "bash").stdout

    def test_help_has_examples(self):
        for command in ([], ["train"], ["data", "inspect"]):
            self.assertIn(f"  diffuse {' '.join(command)}",
                          diffuse(*command, "--help").stdout.partition("Examples:")[2])

    def test_quickstart_has_help_and_stops_at_unknown_flags(self):
        quickstart = ROOT / "scripts/quickstart.sh"
        for flags in (["--help"], ["--cuda", "-h"]):
            help_text = subprocess.run([quickstart, *flags], capture_output=True, text=True).stdout
            self.assertTrue(help_text.startswith("usage: scripts/quickstart.sh"), help_text)
            self.assertNotIn("== ", help_text)
        unknown = subprocess.run([quickstart, "--nonsense"], capture_output=True, text=True)
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("unknown argument --nonsense", unknown.stderr)
        self.assertNotIn("== train", unknown.stdout)

    def test_every_command_takes_the_general_flags(self):
        names = set(re.search(r"commands: ([^)]+)", diffuse("nothing").stderr)[1].split(", ")) - {"data"}
        computing = {"train", "sample", "encode", "bench", "bench samplers", "inpaint", "denoise", "interpolate",
                     "eval", "forward", "convert", "info", "schedule", "verify", "data inspect"}
        for name in names | {"data inspect", "bench samplers"}:
            help_text = diffuse(*name.split(), "--help").stdout
            flags = ["-v,--verbose", "-q,--quiet"] + (["--device", "--threads"] if name in computing else [])
            for flag in flags:
                self.assertIn(flag, help_text, name)
        self.assertEqual(diffuse("ls", self.folder / "runs", "-q").returncode, 0)
        self.assertEqual(diffuse("schema", "--text", "-v").returncode, 0)

    def test_log_files_get_no_colours_and_no_bars(self):
        self.assertNotIn("\x1b", self.log)
        self.assertNotIn("\r", self.log)

    def complete(self, *words):
        script = self.bash
        script += f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
        script += "_diffuse; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                              check=True).stdout.split()

    def test_bash_completes_commands_flags_and_values(self):
        self.assertEqual(self.complete("diffuse", "tra"), ["train"])
        self.assertEqual(self.complete("diffuse", "train", "--res"), ["--resume"])
        self.assertEqual(self.complete("diffuse", "data", "ins"), ["inspect"])
        self.assertIn("--json", self.complete("diffuse", "data", "inspect", "x.zip", "--"))
        self.assertEqual(self.complete("diffuse", "sample", "--precision", "b"), ["bf16"])
        self.assertEqual(self.complete("diffuse", "train", "--config", "c"), [])  # files

    def test_zsh_and_fish_take_their_completions(self):
        for shell in ("zsh", "fish"):
            if shutil.which(shell):
                script = self.folder / shell
                script.write_text(diffuse("completions", shell).stdout)
                subprocess.run([shell, "-n", str(script)], check=True)

    def test_zsh_and_fish_are_told_every_command_and_flag(self):
        flags = set(re.findall(r"--[a-z0-9-]+", diffuse("sample", "--help").stdout.partition("Examples:")[0]))
        self.assertIn("--ckpt", flags)
        zsh = diffuse("completions", "zsh").stdout
        words = re.search(r'^ *"sample"\) described=\((.*)\) ;;$', zsh, re.M)[1]
        described = dict(word.split(":", 1) for word in shlex.split(words))
        self.assertLessEqual(flags, set(described))
        self.assertTrue(all(described.values()))
        told = set()
        for line in diffuse("completions", "fish").stdout.splitlines()[1:]:
            words = shlex.split(line)
            self.assertEqual(words[:4], ["complete", "-c", "diffuse", "-n"])
            self.assertEqual(words[-2], "-d")
            if words[4] == "__fish_seen_subcommand_from sample":
                told |= {f"--{words[i + 1]}" for i, word in enumerate(words) if word == "-l"}
        self.assertLessEqual(flags, told)

    def test_figures_are_shown_as_text(self):
        self.assertRegex(diffuse("verify").stdout, r"\norder_of_heun .* PASS\n(.* PASS\n)*\d+ checks, 0 failed\n$")
        shown = diffuse("bench", "--config", "configs/swiss_roll.json", "--seconds", "0.1",
                        "--device", "cpu").stdout
        self.assertRegex(shown, r"(?s)device +cpu, [\w-]+ kernels, float32 products by \w+\nbatch +\d+\ntrain step +[\d.]+ ms, [\d.]+ samples/s\n"
                                r"  data .*  optimizer +[\d.]+ ms\nsample step .*peak memory +[\d.]+ MB")

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_completes(self):
        script = diffuse("completions", "fish").stdout
        for line, word in (("diffuse tra", "train"), ("diffuse train --res", "--resume"),
                           ("diffuse data ins", "inspect")):
            shown = subprocess.run(["fish", "-c", f"{script}\ncomplete -C '{line}'"], text=True,
                                   capture_output=True, check=True).stdout
            self.assertIn(word, [row.split("\t")[0] for row in shown.splitlines()])

    def test_manual_page_has_every_command_with_examples_and_no_errors(self):
        page = diffuse("man").stdout
        names = re.search(r"commands: ([^)]+)", diffuse("nothing").stderr)[1].split(", ")
        self.assertGreater(len(names), 10)
        sections = dict(re.findall(r"^\.SS (.+)\n((?:(?!\.S[SH]).*\n)*)", page, re.M))
        self.assertEqual(set(names), {title.split()[0] for title in sections})
        for title, text in sections.items():
            if not any(other.startswith(title + " ") for other in sections):
                self.assertIn(f"  diffuse {title}", text.partition("Examples:")[2])
        if shutil.which("groff"):
            shown = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=page, text=True,
                                   capture_output=True, check=True)
            self.assertEqual(shown.stderr, "")
            self.assertIn("EXIT STATUS", re.sub(r".\x08|\x1b\[\d*m", "", shown.stdout))

    def test_ls_lists_runs(self):
        runs = json.loads(diffuse("ls", self.folder / "runs", "--json").stdout)
        self.assertEqual([pathlib.Path(run["run"]).name for run in runs], ["a", "b"])
        self.assertEqual((runs[0]["step"], runs[0]["steps"]), (20, 20))
        last = (self.folder / "runs/a/metrics.jsonl").read_text().splitlines()[-1]
        self.assertEqual(runs[0]["loss"], json.loads(last)["train/loss"])
        self.assertTrue(runs[0]["picture"].endswith("step-20.png"))
        table = diffuse("ls", self.folder / "runs").stdout.splitlines()
        self.assertEqual(len(table), 3)
        self.assertIn("20/20", table[1])

    def test_plot_draws_and_exports(self):
        out, table = self.folder / "loss.svg", self.folder / "metrics.csv"
        runs = [self.folder / "runs" / name for name in ("a", "b")]
        self.assertEqual(diffuse("plot", runs[0], "--csv", table).returncode, 0)
        rows = list(csv.DictReader(table.read_text().splitlines()))
        lines = (runs[0] / "metrics.jsonl").read_text().splitlines()
        for row, line in zip(rows, map(json.loads, lines), strict=True):
            self.assertEqual(float(row["train/loss"]), line["train/loss"])
        self.assertEqual(diffuse("plot", *runs, "-o", out).returncode, 0)
        words = "".join(ElementTree.parse(out).getroot().itertext())
        for word in ("Training loss", "per dimension", "step", "a", "b"):
            self.assertIn(word, words)
        refused = diffuse("plot", runs[0], "-o", self.folder / "loss.jpg")
        self.assertEqual(refused.returncode, 2)
        self.assertTrue(refused.stderr.endswith("loss.jpg: expected a name ending in .svg or .png\n"))
        self.assertFalse((self.folder / "loss.jpg").exists())
        wrong = diffuse("plot", runs[0], "--metric", "train/los")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn('did you mean "train/loss"?', wrong.stderr)

    def test_report_is_one_page_that_needs_nothing_else(self):
        out = self.folder / "report.html"
        self.assertEqual(diffuse("report", self.folder / "runs/a", "-o", out).returncode, 0)
        page = Page(out.read_text())
        self.assertEqual(len(page.images), 2)
        self.assertGreaterEqual(page.tags.count("svg"), 4)
        for source in page.images:
            kind, _, data = source.partition(",")
            self.assertEqual(kind, "data:image/png;base64")
            self.assertEqual(base64.b64decode(data, validate=True)[:8], b"\x89PNG\r\n\x1a\n")
        self.assertTrue(all(link.startswith("data:") for link in page.links))
        for words in ("step 10", "step 20", "Training loss", '"swiss_roll"', "points/s"):
            self.assertIn(words, page.text)

    def test_what_is_no_run_is_refused(self):
        for command in (("report", self.folder), ("plot", self.folder), ("ls", "nowhere")):
            result = diffuse(*command)
            self.assertEqual(result.returncode, 2)
            self.assertEqual(result.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
