"""UNet2DModel of Hugging Face diffusers and ours compute the same: folders that Python saved are
sampled here, and folders written here load in Python.

Runs the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is not set or a package
is missing.
"""

import json
import os
import subprocess
import unittest

from unet_pairs import HO, SMALL, DDPMScheduler, PairTest, UNet2DModel, build, diffuse, torch

from safetensors.torch import load_file, save_file

VARIANTS = {
    "the class's own defaults": SMALL,
    "Ho et al.'s CIFAR-10 layout": dict(
        SMALL, **HO, sample_size=16, block_out_channels=(16, 32, 32, 32), layers_per_block=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D")),
    "the 256-pixel layout": dict(
        SMALL, **HO, sample_size=32, block_out_channels=(8, 8, 16, 16, 32, 32), layers_per_block=2,
        down_block_types=("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4),
    "scale and shift": dict(SMALL, resnet_time_scale_shift="scale_shift"),
    "scale and shift, normed": dict(SMALL, resnet_time_scale_shift="scale_shift",
                                    attn_norm_num_groups=8, out_channels=6),
    "classes": dict(SMALL, num_class_embeds=5),
    "heads of 16 channels": dict(SMALL, attention_head_dim=16, dropout=0.2),
    "no middle attention, grey": dict(SMALL, add_attention=False, in_channels=1, out_channels=1),
    "not square": dict(SMALL, sample_size=(8, 16), freq_shift=1, flip_sin_to_cos=False),
    "attention first": dict(
        SMALL, down_block_types=("AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D"), downsample_padding=0, norm_eps=1e-4),
}


class DiffusersTest(PairTest):
    def test_computes_what_python_saved_and_python_what_we_wrote(self):
        for name, settings in VARIANTS.items():
            with self.subTest(name):
                model = build(settings)
                path = self.save(model, name)
                self.expect_equal(model, path)
                diffuse("convert", path, self.folder / "model.pt")
                diffuse("convert", self.folder / "model.pt", self.folder / "ours")
                again = UNet2DModel.from_pretrained(self.folder / "ours").eval()
                self.assertEqual(again.state_dict().keys(), model.state_dict().keys())
                for key, tensor in model.state_dict().items():
                    self.assertTrue(torch.equal(again.state_dict()[key], tensor), key)
        self.expect_equal(again, self.folder / "model.pt", t=7)  # the last of them

    def test_writes_every_field(self):
        diffuse("convert", self.save(build(SMALL)), self.folder / "ours")
        for name, kind in (("config.json", UNet2DModel), ("scheduler_config.json", DDPMScheduler)):
            written = json.loads((self.folder / "ours" / name).read_text())
            fields = set(written) - {"_class_name", "_diffusers_version"}
            self.assertEqual(fields, kind._get_init_keys(kind) - {"self", "kwargs"})

    def test_takes_a_lone_file_a_pipeline_and_old_names(self):
        model = build(dict(SMALL, **HO))
        flat = self.save(model)
        self.expect_equal(model, flat / "diffusion_pytorch_model.safetensors")
        pipeline = self.folder / "pipeline"
        model.save_pretrained(pipeline / "unet", safe_serialization=False)
        DDPMScheduler(clip_sample=False).save_pretrained(pipeline / "scheduler")
        self.expect_equal(model, pipeline)
        weights = load_file(flat / "diffusion_pytorch_model.safetensors")
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"),
                         ("to_out.0", "proj_attn")):
            weights = {name.replace(f".{new}.", f".{old}."): w for name, w in weights.items()}
        save_file(weights, flat / "diffusion_pytorch_model.safetensors")
        self.expect_equal(model, flat)

    def test_takes_weights_in_several_files(self):
        model = build(SMALL)
        path = self.save(model)
        (path / "diffusion_pytorch_model.safetensors").unlink()
        model.save_pretrained(path, max_shard_size="200KB")
        self.assertGreater(len(list(path.glob("*-of-*.safetensors"))), 2)
        self.expect_equal(model, path)
        index = path / "diffusion_pytorch_model.safetensors.index.json"
        written = index.read_text()
        for spoilt, wanted in (
                (written.replace('": "diffusion', '": "../diffusion'), "names of files in its folder"),
                (json.dumps({"weight_map": [1]}), "/weight_map: expected an object of strings"),
                (json.dumps({"weight_map": {"a": "none.safetensors"}}), "none.safetensors")):
            index.write_text(spoilt)
            said = diffuse("convert", path, self.folder / "model.pt", code=2)
            self.assertIn(wanted, said)
            self.assertEqual(said.count("\n"), 1, said)

    def test_takes_variants_and_averaged_weights(self):
        raw, averaged = build(SMALL), build(SMALL, seed=1)
        ema, non_ema = {"variant": "ema"}, {"variant": "non_ema"}
        half = dict(variant="fp16", max_shard_size="100KB")
        for name, saved, with_ema, without in (
                ("fp16", [(raw, "", half)], raw, raw),
                ("bin", [(raw, "", dict(half, safe_serialization=False))], raw, raw),
                ("folders", [(raw, "unet", {}), (averaged, "unet_ema", {})], averaged, raw),
                ("ema", [(raw, "", {}), (averaged, "", ema)], averaged, raw),
                ("non_ema", [(averaged, "", {}), (raw, "", non_ema)], averaged, raw)):
            with self.subTest(name):
                for model, part, settings in saved:
                    model.save_pretrained(self.folder / name / part, **settings)
                DDPMScheduler(clip_sample=False).save_pretrained(self.folder / name / "scheduler")
                for model, flags in ((with_ema, []), (without, ["--no-ema"])):
                    said = diffuse("convert", self.folder / name, self.folder / "model.pt", *flags)
                    self.expect_equal(model, self.folder / "model.pt")
                if name != "ema":
                    self.assertIn(": using ", said)

    def test_takes_half_precision(self):
        for kind in (torch.float16, torch.bfloat16):
            model = build(SMALL).to(kind)
            path = self.save(model, str(kind))
            self.expect_equal(model.float(), path)

    def test_finds_the_scheduler_of_the_run_for_its_checkpoint(self):
        model = build(SMALL)
        model.save_pretrained(self.folder / "checkpoint-500" / "unet")
        said = diffuse("info", self.folder / "checkpoint-500")
        self.assertIn("no scheduler_config.json", said)
        DDPMScheduler(clip_sample=False).save_pretrained(self.folder / "scheduler")
        said = diffuse("info", self.folder / "checkpoint-500")
        self.assertNotIn("no scheduler_config.json", said)

    def test_trains_on_from_a_model_of_diffusers(self):
        path = self.save(build(dict(SMALL, sample_size=16)))
        diffuse("convert", path, self.folder / "model.pt")
        flags = ["--config", self.folder / "model.json", "--set", "data.type=shapes", "--set",
                 "data.image_size=16", "--set", "train.steps=1", "--set", "train.batch_size=2"]
        config = subprocess.run([os.environ["DIFFUSE_PROGRAM"], "info", path, "--json"],
                                capture_output=True, text=True, check=True).stdout
        (self.folder / "model.json").write_text(json.dumps(json.loads(config)["config"]))
        for start in (path, self.folder / "model.pt"):
            said = diffuse("train", *flags, "--resume", start, "--out", self.folder / f"run_{start.stem}")
            self.assertIn("starting from the weights of ", said)
            self.assertTrue((self.folder / f"run_{start.stem}" / "model.pt").exists())

    def test_wants_the_size_and_the_weights_of_images(self):
        model = build(dict(SMALL, sample_size=None))
        path = self.save(model)
        said = diffuse("convert", path, self.folder / "model.pt", code=2)
        self.assertIn("--image-size", said)
        diffuse("convert", path, self.folder / "model.pt", "--image-size", 8)
        model.register_to_config(sample_size=8)
        self.expect_equal(model, self.folder / "model.pt")
        (path / "diffusion_pytorch_model.safetensors").unlink()
        (path / "model_index.json").write_text("{}")
        said = diffuse("convert", path, self.folder / "model.pt", code=2)
        self.assertIn("no diffusion_pytorch_model.safetensors", said)
        (path / "model_index.json").write_text('{"vqvae": ["diffusers", "VQModel"]}')
        said = diffuse("convert", path, self.folder / "model.pt", code=2)
        self.assertIn("model_index.json: /vqvae: ", said)

    def test_refuses_by_key(self):
        path = self.save(build(SMALL))
        config = json.loads((path / "config.json").read_text())
        for key, value in (("act_fn", "gelu"), ("downsample_type", "resnet"),
                           ("mid_block_scale_factor", 1.4), ("time_embedding_type", "fourier"),
                           ("class_embed_type", "timestep"), ("sample_size", None),
                           ("block_out_channels", [32, 48]), ("out_channels", 4),
                           ("resnet_time_scale_shift", "spatial"), ("center_input_sample", True),
                           ("up_block_types", ["UpBlock2D", "UpBlock2D"]), ("norm_eps", "small"),
                           ("down_block_types", ["DownBlock2D", "ResnetDownsampleBlock2D"])):
            with self.subTest(key):
                (path / "config.json").write_text(json.dumps(dict(config, **{key: value})))
                said = diffuse("convert", path, self.folder / "model.pt", code=2)
                self.assertIn(f"config.json: /{key}: ", said)
                self.assertEqual(said.count("\n"), 1, said)
        (path / "config.json").write_text(json.dumps(dict(config, layers_per_block=2)))
        self.assertIn("does not fit", diffuse("convert", path, self.folder / "model.pt", code=2))


if __name__ == "__main__":
    unittest.main()
