"""Training in several processes on this machine, against one process: the same run, whoever launches
it, whatever stops it."""
import hashlib
import json
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
try:
    import torch
except ImportError:
    print("skipped: wants torch")
    sys.exit(77)
import cluster
from cluster import IMAGES, POINTS, by_launch, by_open_mpi, by_slurm, by_torchrun, merged, series

SHARDED = {"train": {"shard_optimizer": True}}
CLIPPED = {"train": {"gradient_clip": 0.3, "ema_decay": 0.8}}


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.shared = pathlib.Path(scratch.name)

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def train_alone(self, config, name):
        """Trains in one process; the tests that want the same run share it."""
        digest = hashlib.sha256(json.dumps(config).encode()).hexdigest()
        if not (self.shared / digest).exists():
            self.train(1, config, self.shared / digest)
        (self.folder / name).symlink_to(self.shared / digest)

    def train(self, n, config, name, *more, how=by_launch, code=0):
        path = cluster.write_config(self.folder, config)
        codes, out, err = cluster.run(how(n, cluster.train(path, self.folder / name, *more)))
        self.assertEqual(set(codes), {code}, err)
        return out, err

    def assert_same_run(self, a, b, tolerance=1e-5):
        for key in ("train/loss", "train/gradient_norm", "held_out/loss"):
            left, right = series(self.folder / a, key), series(self.folder / b, key)
            self.assertEqual(left.keys(), right.keys())
            for step, value in left.items():
                self.assertLess(abs(right[step] - value), tolerance * (1 + abs(value)), (key, step))
        left, right = (torch.load(self.folder / name / "model.pt", weights_only=True)
                       for name in (a, b))
        self.assertEqual(left["step"], right["step"])
        for part in ("model", "ema", "exp_avg"):
            for name, tensor in left[part].items():
                torch.testing.assert_close(right[part][name], tensor, rtol=1e-3, atol=1e-4)

    def test_points_train_alike_in_1_2_and_4_processes(self):
        for sampler, processes in (("stratified", (2, 4)), ("importance", (4,))):
            config = merged(POINTS, {"diffusion": {"timestep_sampler": sampler, "timesteps": 4},
                                     "train": {"steps": 24}})
            self.train_alone(config, f"{sampler}1")
            for n in processes:
                self.train(n, config, f"{sampler}{n}")
                self.assert_same_run(f"{sampler}1", f"{sampler}{n}")
        ranks = [series(self.folder / "importance4", f"rank_{rank}/compute") for rank in range(4)]
        self.assertTrue(all(rank[24] > 0 for rank in ranks))

    def test_images_train_alike_in_uneven_shares_and_micro_batches(self):
        self.train_alone(IMAGES, "one")
        self.train(3, merged(IMAGES, {"train": {"micro_batch": 2}}), "three")
        self.assert_same_run("one", "three")
        one, three = ((self.folder / run / "samples/step-6.png").stat().st_size
                      for run in ("one", "three"))
        self.assertLess(abs(one - three), 0.1 * one)

    def test_gradient_checkpointing_changes_nothing(self):
        recompute = merged(IMAGES, {"train": {"gradient_checkpointing": True}})
        self.train_alone(IMAGES, "kept")
        self.train(2, recompute, "recomputed")
        self.assert_same_run("kept", "recomputed")

    def test_every_launcher_gives_the_same_run(self):
        self.train(2, POINTS, "launch")
        for name, how in (("torchrun", by_torchrun), ("slurm", by_slurm), ("mpi", by_open_mpi)):
            out, _ = self.train(2, POINTS, name, how=how)
            self.assertEqual(out.count("model.pt"), 1, "rank 0 alone reports")
            self.assert_same_run("launch", name, tolerance=1e-7)

    def test_another_number_of_processes_continues_the_run(self):
        self.train(4, POINTS, "whole")
        half = merged(POINTS, {"train": {"steps": 6}})
        self.train(1, half, "parts")
        self.train(2, POINTS, "parts")
        self.assert_same_run("whole", "parts")

    def tensors(self, name):
        """(section, name, tensor) of a run's checkpoint, in the file's order."""
        checkpoint = torch.load(self.folder / name / "model.pt", weights_only=True)
        return [(part, name, tensor) for part, section in checkpoint.items()
                if isinstance(section, dict) for name, tensor in section.items()]

    def assert_equal_run(self, a, b):
        for key in ("train/loss", "train/gradient_norm", "held_out/loss"):
            self.assertEqual(series(self.folder / a, key), series(self.folder / b, key))
        left, right = self.tensors(a), self.tensors(b)
        self.assertEqual([item[:2] for item in left], [item[:2] for item in right])
        for (*where, x), (_, _, y) in zip(left, right):
            self.assertTrue(torch.equal(x, y), where)

    def test_sharded_states_train_and_are_saved_as_whole_ones(self):
        for config, name, n in ((POINTS, "points", 2), (IMAGES, "images", 4)):
            config = merged(config, CLIPPED)
            self.train_alone(config, name)
            whole, sharded = f"{name}{n}", f"{name}{n}sharded"
            self.train(n, config, whole)
            self.train(n, merged(config, SHARDED), sharded)
            self.assert_same_run(name, sharded)
            self.assert_equal_run(whole, sharded)
        whole, sharded = ((self.folder / run / "samples/step-6.png").read_bytes()
                          for run in ("images4", "images4sharded"))
        self.assertEqual(whole, sharded)

    def test_a_run_continues_sharded_or_not_in_any_number_of_processes(self):
        self.train_alone(POINTS, "whole")
        for steps, n, changes in ((2, 3, SHARDED), (4, 1, {}), (5, 2, {}), (12, 4, SHARDED)):
            self.train(n, merged(merged(POINTS, changes), {"train": {"steps": steps}}), "parts")
        self.assert_same_run("whole", "parts")

    def test_compressed_gradients_train_nearly_alike(self):
        self.train_alone(POINTS, "plain")
        self.train(2, merged(POINTS, {"train": {"compress_gradients": True}}), "compressed")
        plain, compressed = (series(self.folder / name) for name in ("plain", "compressed"))
        self.assertNotEqual(plain[12], compressed[12])
        self.assertLess(abs(plain[12] - compressed[12]), 0.02)

    def train_model(self):
        """A model to sample from and to evaluate."""
        self.train_alone(merged(IMAGES, {"train": {"steps": 1, "sample_every": 0}}), "model")

    def sample(self, name, count):
        """The command that draws images into a folder."""
        return ["sample", "--ckpt", str(self.folder / "model"), "-n", str(count), "--batch", "2",
                "--resume", "-o", str(self.folder / name), "--device", "cpu", "--threads", "1"]

    def assert_same_images(self, a, b, count):
        images = sorted((self.folder / a).glob("*.png"))
        self.assertEqual(len(images), count)
        for image in images:
            self.assertEqual(image.read_bytes(), (self.folder / b / image.name).read_bytes())

    def test_sampling_gives_the_images_of_one_process(self):
        self.train_model()
        for n in (1, 3):
            codes, _, err = cluster.run(by_launch(n, self.sample(f"images{n}", 11)))
            self.assertEqual(codes, [0], err)
        self.assert_same_images("images1", "images3", 11)

    def test_sampling_loses_no_finished_image_with_a_rank(self):
        self.train_model()
        children = cluster.start(by_slurm(2, self.sample("parts", 120) + ["--peer-timeout", "3s"]))
        while not (self.folder / "parts" / "000010.png").exists():
            self.assertIsNone(children[0].poll(), "ended before a rank was killed")
            time.sleep(0.01)
        children[1].kill()
        codes, _, err = cluster.finish(children)
        self.assertIn("rank 1 died in phase", err)
        made = {path: path.stat().st_mtime_ns for path in (self.folder / "parts").glob("*.png")}
        self.assertLess(len(made), 120, "killed too late")
        for n, name in ((3, "parts"), (1, "whole")):
            codes, _, err = cluster.run(by_launch(n, self.sample(name, 120)))
            self.assertEqual(codes, [0], err)
        self.assert_same_images("whole", "parts", 120)
        self.assertEqual(made, {path: path.stat().st_mtime_ns for path in made})

    def test_evaluation_gives_the_figures_of_one_process(self):
        self.train_model()
        figures = []
        for n in (1, 3):
            codes, out, err = cluster.run(by_launch(n, [
                "eval", "--ckpt", str(self.folder / "model"), "--metrics", "bpd,rd,ode-bpd",
                "--items", "8", "--ode-steps", "4", "--split", "train", "--json", "-", "--device",
                "cpu", "--threads", "1"]))
            self.assertEqual(codes, [0], err)
            figures.append(json.loads(out))
        one, three = figures
        for part in ("prior", "diffusion", "diffusion_monte_carlo", "reconstruction", "total"):
            for figure in ("mean", "stderr"):
                self.assertAlmostEqual(one["bpd"][part][figure], three["bpd"][part][figure], 5)
        self.assertAlmostEqual(one["ode-bpd"]["mean"], three["ode-bpd"]["mean"], 5)
        self.assertEqual([row["items"] for row in one["rd"]], [row["items"] for row in three["rd"]])
        for a, b in zip(one["rd"], three["rd"]):
            self.assertAlmostEqual(a["distortion"]["mean"], b["distortion"]["mean"], 5)

    def test_a_queue_of_samples_outlives_lost_workers_and_takes_late_ones(self):
        self.train_model()
        codes, _, err = cluster.run(([[cluster.PROGRAM, *self.sample("whole", 160)]], [{}]))
        self.assertEqual(codes, [0], err)
        worker = [cluster.PROGRAM, *self.sample("queued", 160), "--queue"]
        early = cluster.start(([worker] * 3, [{"SLURM_PROCID": str(rank), "SLURM_NTASKS": "3",
                                               "SLURM_LOCALID": str(rank), "SLURM_JOB_ID": "7",
                                               "SLURM_JOB_NODELIST": "n[1-3]"} for rank in range(3)]))
        while not (self.folder / "queued" / "000010.png").exists():
            self.assertEqual([child.poll() for child in early], [None] * 3, "ended too soon")
            time.sleep(0.01)
        late = cluster.start(([worker], [{}]))
        for lost in early[:2]:
            lost.kill()
        codes, _, err = cluster.finish([early[2], *late])
        self.assertEqual(codes, [0, 0], err)
        cluster.finish(early[:2])
        self.assert_same_images("whole", "queued", 160)
        self.assertFalse((self.folder / "queued/.queue").exists())

    def test_a_queue_of_items_gives_the_figures_of_one_process(self):
        self.train_model()
        command = [cluster.PROGRAM, "eval", "--ckpt", str(self.folder / "model"), "--metrics",
                   "bpd,rd,ode-bpd", "--items", "20", "--batch", "2", "--ode-steps", "4", "--split",
                   "train", "--json", "-", "--device", "cpu", "--threads", "1"]
        queued = [*command, "--queue", str(self.folder / "queue")]
        workers = cluster.start(([queued] * 2, [{}] * 2))
        while not list((self.folder / "queue").glob("bound-*.npy")):
            self.assertEqual([child.poll() for child in workers], [None] * 2, "ended too soon")
            time.sleep(0.01)
        workers[0].kill()
        (_, code), out, err = cluster.finish(workers)
        self.assertEqual(code, 0, err)
        _, alone, err = cluster.run(([command], [{}]))
        one, many = json.loads(alone), json.loads(out)
        for part in ("prior", "diffusion", "diffusion_monte_carlo", "reconstruction", "total"):
            for figure in ("mean", "stderr"):
                self.assertAlmostEqual(one["bpd"][part][figure], many["bpd"][part][figure], 9)
        self.assertEqual(one["ode-bpd"], many["ode-bpd"])
        self.assertEqual(one["rd"], many["rd"])
        adaptive = [*command[:4], "--metrics", "ode-bpd", "--ode-tolerance", "0.01", "--items", "6",
                    "--split", "train", "--json", "-", "--device", "cpu", "--threads", "1", "--batch"]
        _, alone, err = cluster.run(([[*adaptive, "6"]], [{}]))
        _, out, err = cluster.run(([[*adaptive, "2", "--queue", str(self.folder / "more")]], [{}]))
        one, many = json.loads(alone)["ode-bpd"], json.loads(out)["ode-bpd"]
        self.assertEqual((one["tolerance"], "steps" in one), (0.01, False))
        self.assertGreater(one["calls"], 6)
        self.assertAlmostEqual(one["mean"], many["mean"], 6)
        codes, _, err = cluster.run(([[*queued, "--seed", "7"]], [{}]))
        self.assertEqual(codes, [2])
        self.assertIn("its evaluation.json is of another evaluation", err)

    def start_long_run(self, n, name, *more, config=POINTS):
        path = cluster.write_config(self.folder, merged(config, {"train": {
            "steps": 1_000_000, "checkpoint_every": 20, "log_every": 20, "eval_every": 0}}))
        return cluster.start(by_slurm(n, cluster.train(path, self.folder / name, *more)))

    def wait_until_saved(self, *names):
        for name in names:
            cluster.wait_until_saved(self.folder / name, 0)

    def test_a_signal_to_any_rank_stops_all_with_a_checkpoint(self):
        sharded = merged(POINTS, SHARDED)
        runs = {sent: self.start_long_run(3, sent.name, config=config)
                for sent, config in ((signal.SIGTERM, POINTS), (signal.SIGUSR1, sharded),
                                     (signal.SIGINT, sharded))}
        for sent, run in runs.items():
            self.wait_until_saved(sent.name)
            run[2].send_signal(sent)
        for sent, run in runs.items():
            codes, _, err = cluster.finish(run)
            self.assertEqual(codes, [75, 75, 75], err)
            self.assertIn(f"({sent.name}); continue with --resume", err)

    def test_a_time_limit_stops_all(self):
        for config in (POINTS, merged(POINTS, SHARDED)):
            config = merged(config, {"train": {"steps": 1_000_000}})
            since = time.time()
            self.train(2, config, "run", "--time-limit", "1s", code=75)
            self.assertGreater((self.folder / "run/model.pt").stat().st_mtime, since)

    def assert_ends_naming(self, name, children, line):
        codes, _, err = cluster.finish(children, timeout=60)
        self.assertIn(line, err)
        self.assertTrue(all(code != 0 for code in codes), codes)
        torch.load(self.folder / name / "model.pt", weights_only=True)

    def test_a_killed_or_frozen_rank_ends_the_run_and_is_named(self):
        runs = []
        for name, n in (("killed", 3), ("first", 2), ("frozen", 2)):
            runs.append(self.start_long_run(n, name, "--peer-timeout", "6s"))
            self.wait_until_saved(name)
        killed, first, frozen = runs
        killed[1].kill()
        first[0].kill()
        frozen[1].send_signal(signal.SIGSTOP)
        self.assert_ends_naming("killed", killed, "rank 1 died in phase")
        self.assert_ends_naming("first", first, "rank 0 died")
        frozen[0].wait(timeout=60)
        frozen[1].kill()
        self.assert_ends_naming("frozen", frozen, "rank 1 died in phase")

    def test_a_launcher_that_is_told_to_stop_starts_nothing_again(self):
        path = cluster.write_config(self.folder, POINTS)
        command = cluster.train(path, self.folder / "run")
        launcher, = cluster.start(([[cluster.PROGRAM, "launch", "--nproc", "2", "--restarts", "3", "--",
                                     *command]], [{}]))
        children = pathlib.Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
        while not children.read_text():  # as a rule these take no note of signals yet
            self.assertIsNone(launcher.poll())
            time.sleep(0.01)
        launcher.send_signal(signal.SIGTERM)
        codes, _, err = cluster.finish([launcher])
        self.assertIn(codes, [[-signal.SIGTERM], [75]], err)
        self.assertNotIn("restarting all processes", err)

    def test_what_fails_once_training_has_started_is_no_bad_use(self):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20480, limits[1]))  # below a checkpoint's size
        for n in (1, 2):
            _, err = self.train(n, POINTS, f"run{n}", code=1)
            self.assertIn("cannot write: File too large", err)

    def test_a_rank_that_cannot_start_is_named(self):
        path = cluster.write_config(self.folder, POINTS)
        command = cluster.train(path, self.folder / "run", "--peer-timeout", "2s")
        commands, variables = by_slurm(3, command)
        codes, _, err = cluster.run((commands[:2], variables[:2]))
        self.assertEqual(codes, [1, 1])
        self.assertIn("of 3 processes, rank 2 did not connect", err)


if __name__ == "__main__":
    unittest.main()
