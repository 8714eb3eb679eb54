#!/usr/bin/env python3
"""Random configs: those within the schema train, resume and sample; spoilt ones are refused with exit 2
and one line that names the file and the JSON path. Values are drawn by `diffuse schema`, so a new field
is drawn too. Exit status 77: DIFFUSE_PROGRAM is not set.

    random_configs_test.py [--count N] [--seed S]     N good ones and 3 N spoilt ones
"""
import argparse
import concurrent.futures
import copy
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("DIFFUSE_PROGRAM")
if not PROGRAM:
    print("Skipped: DIFFUSE_PROGRAM is not set")
    sys.exit(77)
SCHEMA = json.loads(subprocess.run([PROGRAM, "schema"], check=True, capture_output=True).stdout)
FIELDS = {(section, key): field for section, part in SCHEMA["properties"].items()
          for key, field in part.get("properties", {}).items()}
POINTS = ["swiss_roll", "gaussian", "gaussian_mixture"]

# Numbers that keep a run below a second. Fields that depend on others are set by mended().
NUMBERS = {
    "data": {"image_size": [8, 16], "channels": [0, 1, 3], "count": [40, 200], "held_out": [0, 5],
             "noise": [0, 0.3], "variance": [0.01, 2], "dimensions": [1, 2, 5], "length": [16, 32],
             "memory_limit_mb": [1, 4096]},
    "condition": {"factor": [2, 4], "share": [0.25, 0.5], "horizon": [3], "dropout": [0.2, 0.5],
                  "noise": [0, 0.3]},
    "model": {"channels": [8, 16], "blocks_per_level": [1, 2], "attention_heads": [1, 2],
              "attention_head_dim": [0, 4], "dropout": [0, 0.5], "norm_groups": [1, 2, 4],
              "norm_eps": [1e-6, 1e-3], "time_frequency_shift": [0, 0.5, 1], "time_scale": [0.1, 1, 10],
              "patch_size": [1, 2], "hidden": [4, 16], "layers": [1, 3], "variance": [1, 3]},
    "diffusion": {"timesteps": [2, 5, 12], "beta_start": [1e-4, 0.01], "beta_end": [0.02, 0.5],
                  "hybrid_lambda": [0, 0.001, 1], "min_snr_gamma": [0.5, 5], "beta_min": [0.1, 1],
                  "beta_max": [5, 20], "sigma_min": [0, 0.1], "sigma_max": [0, 10], "sigma_data": [0.5, 1],
                  "log_normal_mean": [-1.2, 0], "log_normal_std": [0.5, 1.2], "logit_normal_mean": [0, 1],
                  "logit_normal_std": [0.5, 1]},
    "train": {"steps": [2], "batch_size": [4, 8], "micro_batch": [0, 1, 2, 4], "learning_rate": [1e-5, 1e-3],
              "beta1": [0, 0.9], "beta2": [0, 0.999], "adam_eps": [1e-8, 1e-3], "weight_decay": [0, 0.1],
              "warmup_steps": [0, 5], "gradient_clip": [0, 0.1, 1], "ema_decay": [0, 0.9, 0.9999],
              "muon_momentum": [0, 0.95], "decay_start": [0, 1], "ema_snapshot_every": [0, 1],
              "label_dropout": [0, 0.5, 1], "log_every": [1, 2], "eval_every": [0, 1], "eval_samples": [1, 8],
              "sample_every": [0, 2], "checkpoint_every": [1, 2], "keep_last": [0, 1, 2],
              "keep_every": [0, 1]},
    "sample": {"steps": [0, 1, 2], "eta": [0, 0.5, 1], "dynamic_threshold": [0, 0.9],
               "dynamic_threshold_max": [0, 1.5], "steps_offset": [0, 1], "clip_range": [1, 2],
               "grid": [1, 5], "guidance": [0, 1, 3], "tolerance": [1e-3, 0.1],
               "unipc_order": [2, 3], "corrector_steps": [0, 1, 2], "snr": [0.01, 0.16],
               "churn": [0, 1], "churn_min": [0, 0.1], "churn_max": [0, 1], "churn_noise": [1, 1.003]},
}


def draw(rng, section, key, field):
    if "enum" in field:
        return rng.choice(field["enum"])
    if field["type"] == "boolean":
        return rng.random() < 0.5
    if field["type"] in ("integer", "number"):
        return rng.choice(NUMBERS[section].get(key, [field["default"]]))
    return field["default"]  # texts and lists: see mended()


def drawn(rng):
    config = {section: {} for section in NUMBERS}
    for (section, key), field in FIELDS.items():
        if key in ("sample_shape", "sample_kind", "classes", "condition_channels", "condition_size", "path"):
            continue  # filled in from the data
        config[section][key] = draw(rng, section, key, field)
    config["seed"] = rng.randrange(2**63)
    return config


def mend_process(diffusion, sample, rng, chain):
    """The chain in half of the configs; else what fits its continuous time."""
    if chain or rng.random() < 0.5:
        diffusion["process"] = "ddpm"
    process = diffusion["process"]
    if process not in ("ve", "edm"):
        diffusion["sigma_min"] = diffusion["sigma_max"] = 0
    if process == "ddpm":
        if diffusion["prediction"] in ("flow", "edm", "score"):
            diffusion["prediction"] = "v"
        if diffusion["timestep_sampler"] in ("log_normal", "logit_normal"):
            diffusion["timestep_sampler"] = "importance"
        return
    predictions = ["x0", "flow", "edm"]
    if process != "flow":
        predictions += ["epsilon", "score"]
    if process not in ("ve", "edm"):
        predictions += ["v"]
    diffusion["prediction"] = rng.choice(predictions)
    diffusion["variance"] = rng.choice(["fixed_large", "fixed_small"])
    if diffusion["loss"] in ("vlb", "hybrid"):
        diffusion["loss"] = "vlb_weighted"
    laws = ["uniform", "stratified", "log_normal"] + (["logit_normal"] if process not in ("ve", "edm") else [])
    diffusion["timestep_sampler"] = rng.choice(laws)
    diffusion["schedule"], diffusion["rescale_zero_terminal_snr"] = "linear", False
    sample["sampler"] = rng.choice(["ddim", "dpmpp2m", "dpmpp2m-sde", "heun", "euler", "ancestral",
                                    "rk4", "dopri5", "unipc", "pc"])
    sample["spacing"] = rng.choice(["auto", "trailing", "uniform", "karras"])
    sample["steps_offset"], sample["skip_zero"] = 0, False
    sample["steps"] = rng.choice([1, 2, 5])


def mend_condition(config, rng, chain):
    """What fits the data, and is not stored beside them; samples are drawn without it."""
    data, condition, diffusion = config["data"], config["condition"], config["diffusion"]
    types = {"shapes": ["none", "downscale", "mask"], "waveforms": ["none", "mask"],
             "autoregressive": ["none", "mask"]}
    if data["type"] == "shapes" and data["channels"] != 1 and not data["normalize"]:
        types["shapes"].append("grey")
    condition["type"] = "none" if chain else rng.choice(types.get(data["type"], ["none"]))
    masked = condition["type"] == "mask"
    if masked:
        masks = ["boxes", "centre", "random"] if data["type"] == "shapes" else ["random", "forecast"]
        condition["mask"] = rng.choice(masks)
        condition["noise"] = 0
    if not masked or condition["mask"] != "forecast":
        condition["horizon"] = 0
    if condition["type"] != "none":
        config["sample"]["guidance"] = 1
    if masked and diffusion["variance"].startswith("learned"):
        diffusion["variance"] = "fixed_small"


def mended(config, rng, chain=False):
    """The parts made to fit each other: everything docs and messages say of them."""
    data, _, model, diffusion, train, sample = (config[part] for part in NUMBERS)
    data["type"] = rng.choice(POINTS + ["waveforms", "autoregressive", "shapes", "shapes"])
    model["type"] = "mlp" if data["type"] in POINTS else "unet"
    if data["type"] == "gaussian_mixture":
        data["means"] = [rng.uniform(-2, 2) for _ in range(2 * data["dimensions"])]
        data["weights"] = rng.choice([[], [1, 3]])
    data["horizontal_flip"] &= data["type"] == "shapes"
    sample["clip_x0"] &= not data["normalize"]
    model["class_conditional"] &= data["type"] in ("shapes", "waveforms")
    model["channel_multipliers"] = rng.choice([[1], [1, 2], [2, 1]])
    side = data["length"] if data["type"] in ("waveforms", "autoregressive") else data["image_size"]
    levels = [side // model["patch_size"] // 2**i for i in range(len(model["channel_multipliers"]))]
    model["attention_resolutions"] = rng.sample(levels, rng.randrange(len(levels) + 1))

    mend_process(diffusion, sample, rng, chain)
    mend_condition(config, rng, chain)
    if diffusion["schedule"] == "betas":
        diffusion["betas"] = [rng.uniform(0.01, 0.5) for _ in range(diffusion["timesteps"])]
    # Nothing of the sample is left at t = T: asked for, or by the kind of schedule.
    if diffusion["rescale_zero_terminal_snr"] or diffusion["schedule"] in ("jsd", "sigmoid_jabri"):
        if diffusion["prediction"] == "epsilon":
            diffusion["prediction"] = rng.choice(["v", "x0", "mu"])
        diffusion["loss"] = rng.choice(["mse", "vlb"])
    if diffusion["variance"].startswith("learned"):
        zero = diffusion["rescale_zero_terminal_snr"] or diffusion["schedule"] in ("jsd", "sigmoid_jabri")
        diffusion["loss"] = "vlb" if zero else rng.choice(["hybrid", "vlb"])
    elif diffusion["loss"] == "hybrid":
        diffusion["loss"] = "simple"
    if config["condition"]["type"] == "mask" and diffusion["loss"] == "vlb":
        diffusion["loss"] = "mse"

    train["precision"] = rng.choice(["fp32", "bf16", "auto"])  # fp16 wants a GPU
    train["shard_optimizer"] &= train["optimizer"] != "muon"
    if train["learning_rate_schedule"] not in ("inverse_sqrt", "trapezoid"):
        train["decay_start"] = 0
    sample["guidance_interval"] = rng.choice([[], [0.1, 2]])
    if sample["sampler"] != "ddim":
        sample["eta"] = 0
    if sample["sampler"] != "heun":
        sample["churn"] = 0
    if sample["sampler"] == "ddpm" and diffusion["variance"] == "learned":
        sample["steps"] = 0
    return config


def some(config, rng):
    """The config without a few of the fields, whose defaults then hold, where none needs another."""
    free = [("data", "noise"), ("data", "on_error"), ("model", "dropout"), ("model", "norm_eps"),
            ("model", "time_scale"), ("model", "mid_attention"), ("train", "optimizer"), ("train", "beta1"),
            ("train", "warmup_steps"), ("train", "keep_last"), ("sample", "spacing"), ("sample", "guidance")]
    for section, key in rng.sample(free, rng.randrange(len(free))):
        del config[section][key]
    return config


# Each spoils a config and returns the JSON path that the message must name.

def wrong_kind(config, rng):
    section, key = rng.choice(list(FIELDS))
    kind = FIELDS[section, key]["type"]
    wrong = {"integer": ["3", 1.5, True, None, [3], {}], "number": ["0.5", True, None, [0.5]],
             "boolean": [1, "true", None, []], "string": [1, True, None, ["unet"]],
             "array": [3, "1,2", None, {"0": 1}], "object": [3, "{}", None, [0.5]]}
    config[section][key] = rng.choice(wrong[kind])
    return f"/{section}/{key}"


def out_of_range(config, rng):
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    section, key = rng.choice([at for at, field in FIELDS.items() if any(b in field for b in bounds)])
    field = FIELDS[section, key]
    bound = rng.choice([b for b in bounds if b in field])
    beyond = rng.choice([1, 10**6, 1e300 if field["type"] == "number" else 2**70])
    step = 0 if bound.startswith("exclusive") and rng.random() < 0.5 else beyond
    config[section][key] = field[bound] + (step if bound.lower().endswith("maximum") else -step)
    return f"/{section}/{key}"


def unknown_word(config, rng):
    section, key = rng.choice([at for at, field in FIELDS.items()
                              if "enum" in field and "" not in field["enum"]])
    config[section][key] = rng.choice([config[section].get(key, "") + "x", "", "Line\nbreak", "ä"])
    return f"/{section}/{key}"


def unknown_key(config, rng):
    section, key = rng.choice(list(FIELDS))
    misspelt = key[:-1] + "_" + key[-1:]
    config[section][misspelt] = config[section].pop(key, 1)
    return f"/{section}/{misspelt}"


def no_section(config, rng):
    section = rng.choice(list(NUMBERS))
    config[section] = rng.choice([3, None, [], "text"])
    return f"/{section}"


CONTRADICTIONS = [
    ({"data": {"type": "shapes"},
      "model": {"type": "unet", "norm_groups": 3, "channels": 8, "attention_resolutions": []}}, "/model/channels"),
    ({"data": {"type": "shapes"},
      "model": {"type": "unet", "norm_groups": 1, "channels": 9, "attention_heads": 1,
                "attention_resolutions": []}}, "/model/channels"),
    ({"data": {"type": "swiss_roll", "horizontal_flip": False}, "model": {"type": "unet"}},
     "/model/type"),
    ({"data": {"type": "shapes"}, "model": {"type": "mlp"}}, "/model/type"),
    ({"data": {"type": "swiss_roll", "horizontal_flip": False},
      "model": {"type": "mlp", "class_conditional": True}},
     "/model/class_conditional"),
    ({"data": {"type": "gaussian_mixture", "dimensions": 2, "means": [1, 2, 3]}}, "/data/means"),
    ({"data": {"type": "gaussian_mixture", "dimensions": 1, "means": [1, 2], "weights": [1]}}, "/data/weights"),
    ({"data": {"channels": 2}}, "/data/channels"),
    ({"data": {"type": "swiss_roll", "horizontal_flip": True}}, "/data/horizontal_flip"),
    ({"data": {"normalize": True}, "sample": {"clip_x0": True}}, "/sample/clip_x0"),
    ({"data": {"type": "shapes", "image_size": 9, "normalize": False},
      "model": {"type": "unet", "patch_size": 1, "channel_multipliers": [1, 1]}}, "/model/channel_multipliers"),
    ({"data": {"type": "shapes", "image_size": 8},
      "model": {"type": "unet", "patch_size": 3, "channel_multipliers": [1]}}, "/model/patch_size"),
    ({"data": {"type": "shapes", "image_size": 8},
      "model": {"type": "unet", "patch_size": 1, "channel_multipliers": [1], "attention_resolutions": [5]}},
     "/model/attention_resolutions/0"),
    ({"diffusion": {"schedule": "betas", "timesteps": 3, "betas": [0.1, 0.2]}}, "/diffusion/timesteps"),
    ({"diffusion": {"schedule": "linear", "betas": [0.1]}}, "/diffusion/betas"),
    ({"diffusion": {"schedule": "linear", "betas": [], "beta_start": 0.5, "beta_end": 0.1}},
     "/diffusion/beta_start"),
    ({"diffusion": {"schedule": "linear", "betas": [], "beta_start": 1e-3, "beta_end": 0.1, "prediction": "epsilon",
                    "rescale_zero_terminal_snr": True}}, "/diffusion/prediction"),
    ({"diffusion": {"variance": "learned", "loss": "simple"}, "sample": {"steps": 0}}, "/diffusion/loss"),
    ({"diffusion": {"variance": "fixed_small", "loss": "hybrid"}}, "/diffusion/loss"),
    ({"train": {"batch_size": 8, "micro_batch": 3}}, "/train/batch_size"),
    ({"diffusion": {"schedule": "linear", "betas": [], "timesteps": 5},
      "sample": {"steps": 6}}, "/sample/steps"),
    ({"sample": {"sampler": "heun", "steps": 0, "eta": 0.5}}, "/sample/eta"),
    ({"diffusion": {"prediction": "edm"}}, "/diffusion/prediction"),
    ({"diffusion": {"process": "edm", "prediction": "v"}}, "/diffusion/prediction"),
    ({"diffusion": {"process": "flow", "prediction": "epsilon"}}, "/diffusion/prediction"),
    ({"diffusion": {"process": "vp", "prediction": "x0", "variance": "learned"}}, "/diffusion/variance"),
    ({"diffusion": {"process": "edm", "prediction": "edm", "variance": "fixed_large", "loss": "edm",
                    "timestep_sampler": "log_normal", "schedule": "linear", "rescale_zero_terminal_snr": False,
                    "betas": []},
      "sample": {"sampler": "ddpm", "steps": 0, "eta": 0}}, "/sample/sampler"),
]


def contradiction(config, rng):
    changes, path = rng.choice(CONTRADICTIONS)
    for section, fields in copy.deepcopy(changes).items():
        config[section] |= fields
    return path


def spoilt(seed):
    """The text of a config that must be refused, and what the message must hold."""
    rng = random.Random(f"bad {seed}")
    config = mended(drawn(rng), rng, chain=True)
    spoil = rng.choice([wrong_kind, out_of_range, unknown_word, unknown_key, no_section, contradiction,
                        contradiction, None, None])
    if spoil is not None:
        path = spoil(config, rng)
        return json.dumps(config), [path]
    text = json.dumps(config, indent=rng.choice([None, 2]))
    if rng.random() < 0.5:
        return text[:rng.randrange(len(text))], []  # cut off anywhere
    section = rng.choice(list(NUMBERS))
    return text.replace(f'"{section}": {{', f'"{section}": {{"_comment": 1, "_comment": 2, ', 1), ["_comment"]


def run(*arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def check(condition, what, config, done):
    if not condition:
        raise AssertionError(f"{what}\nexit {done.returncode}\n{done.stderr}\n{config}")


def check_good(seed):
    rng = random.Random(f"good {seed}")
    config = some(mended(drawn(rng), rng), rng)
    text = json.dumps(config)
    with tempfile.TemporaryDirectory() as folder:
        file, out = pathlib.Path(folder, "config.json"), pathlib.Path(folder, "run")
        file.write_text(text)
        train = ["train", "--config", file, "--out", out, "--device", "cpu", "--threads", 1]
        first = run(*train, "--set", "train.steps=1")
        check(first.returncode == 0, f"good {seed}: train", text, first)
        second = run(*train, "--resume")
        check(second.returncode == 0 and "at step 1" in second.stderr, f"good {seed}: resume", text, second)
        drawn_samples = run("sample", "--ckpt", out, "-n", 2, "--device", "cpu", "--threads", 1,
                            "-o", pathlib.Path(folder, "samples.npy"))
        check(drawn_samples.returncode == 0, f"good {seed}: sample", text, drawn_samples)


def check_bad(seed):
    text, parts = spoilt(seed)
    with tempfile.TemporaryDirectory() as folder:
        file, out = pathlib.Path(folder, "config.json"), pathlib.Path(folder, "run")
        file.write_text(text)
        done = run("train", "--config", file, "--out", out, "--device", "cpu")
        what = f"bad {seed}: expected exit 2 and one line with {file} and {parts}"
        lines = done.stderr.splitlines()
        named = len(lines) == 1 and str(file) in lines[0] and all(part in lines[0] for part in parts)
        check(done.returncode == 2 and named and not out.exists(), what, text, done)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    work = [(check_good, seed) for seed in seeds]
    work += [(check_bad, 3 * seed + i) for seed in seeds for i in range(3)]
    failures = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in [pool.submit(function, seed) for function, seed in work]:
            error = result.exception()
            if error is not None:
                failures.append(str(error))
                print(error, flush=True)
    print(f"{len(work)} configs from seed {arguments.seed}: {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
