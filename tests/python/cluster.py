"""Runs the program in several processes as the launchers do, for the tests and for benchmarks/."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("DIFFUSE_PROGRAM", str(ROOT / "build/release/diffuse"))

POINTS = {
    "data": {"type": "swiss_roll", "count": 200},
    "model": {"type": "mlp", "hidden": 16, "layers": 1},
    "diffusion": {"timesteps": 20, "beta_end": 0.3},
    "train": {"steps": 12, "batch_size": 32, "log_every": 1, "checkpoint_every": 6,
              "learning_rate": 0.01, "warmup_steps": 0, "eval_every": 6, "eval_samples": 10},
    "sample": {"clip_x0": False, "grid": 7},
}
IMAGES = {
    "data": {"type": "shapes", "image_size": 8, "count": 40, "horizontal_flip": True},
    "model": {"channels": 8, "channel_multipliers": [1, 2], "blocks_per_level": 1, "norm_groups": 4,
              "attention_resolutions": [4], "dropout": 0, "class_conditional": True},
    "diffusion": {"timesteps": 10, "beta_end": 0.5},
    "train": {"steps": 6, "batch_size": 8, "log_every": 1, "label_dropout": 0.2, "sample_every": 6,
              "learning_rate": 0.001, "warmup_steps": 0},
    "sample": {"grid": 5},
}


def merged(config, changes):
    """The config with a nested dict of changes."""
    result = dict(config)
    for key, value in changes.items():
        result[key] = merged(config.get(key, {}), value) if isinstance(value, dict) else value
    return result


def write_config(folder, config):
    path = pathlib.Path(folder) / "config.json"
    path.write_text(json.dumps(config))
    return str(path)


def train(config, out, *more):
    return ["train", "--config", config, "--out", str(out), "--device", "cpu", "--threads", "1",
            "--resume", *more]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def by_launch(n, command):
    return [[PROGRAM, "launch", "--nproc", str(n), "--", *command]], [{}]


def by_torchrun(n, command):
    return [[sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={n}", "--no-python",
             f"--master-port={free_port()}", PROGRAM, *command]], [{}]


def by_variables(n, command, variables):
    return [[PROGRAM, *command]] * n, [variables(rank, n) for rank in range(n)]


def by_slurm(n, command):
    port = free_port()
    return by_variables(n, command, lambda rank, n: {
        "SLURM_PROCID": str(rank), "SLURM_NTASKS": str(n), "SLURM_LOCALID": str(rank),
        "SLURM_JOB_NODELIST": "localhost", "SLURM_JOB_ID": str(port), "MASTER_PORT": str(port)})


def by_open_mpi(n, command):
    port = free_port()
    return by_variables(n, command, lambda rank, n: {
        "OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": str(n),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(rank), "OMPI_COMM_WORLD_LOCAL_SIZE": str(n),
        "MASTER_PORT": str(port)})


def start(processes):
    """Starts (commands, environments); stderr and stdout go to pipes."""
    return [subprocess.Popen(command, env={**os.environ, **variables}, text=True, cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for command, variables in zip(*processes)]


def finish(children, timeout=120):
    """Waits; returns the exit codes and everything written to stdout and to stderr."""
    outputs = [child.communicate(timeout=timeout) for child in children]
    return ([child.returncode for child in children], "".join(out for out, _ in outputs),
            "".join(err for _, err in outputs))


def run(processes, timeout=120):
    return finish(start(processes), timeout)


def wait_until_saved(out, since, timeout=60):
    """Until the run has saved a checkpoint after the time `since`: it is training."""
    model = pathlib.Path(out) / "model.pt"
    deadline = time.monotonic() + timeout
    while not (model.exists() and model.stat().st_mtime > since):
        assert time.monotonic() < deadline, f"no checkpoint in {out} within {timeout} s"
        time.sleep(0.05)


def listening(pid):
    """The (address, port) at which a process listens for TCP, IPv6 addresses in hexadecimal."""
    inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    found = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:  # 0A: LISTEN
                if table == "tcp":
                    address = socket.inet_ntoa(bytes.fromhex(address)[::-1])
                found.append((address, int(port, 16)))
    return found


def pixels(png):
    """The compressed pixels (IDAT chunks) of a PNG, without the text chunks that say how it was made."""
    data, chunks, at = png.read_bytes(), [], 8
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            chunks.append(data[at + 8:at + 8 + length])
        at += 12 + length
    return b"".join(chunks)


def series(out, key="train/loss"):
    """{step: value} of a key of the run's metrics."""
    lines = (pathlib.Path(out) / "metrics.jsonl").read_text().splitlines()
    return {line["step"]: line[key] for line in map(json.loads, lines) if key in line}
