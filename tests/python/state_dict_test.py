"""State dicts in Ho et al.'s and improved-diffusion's layouts: copies of UNet2DModels under the names
and in the shapes that those programs use compute here what the originals compute in Python.

Runs the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is not set or a package
is missing.
"""

import re
import unittest

from unet_pairs import HO, SMALL, PairTest, build, diffuse, torch

def as_convolution(name, weight, dims):
    """Attention's matrices as the 1 x 1 convolutions that they are elsewhere."""
    if "attentions" in name and weight.dim() == 2:
        return weight.reshape(*weight.shape, *([1] * dims))
    return weight


def substitute(name, rules):
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def ho_name(name, levels):
    name = re.sub(r"^up_blocks\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}", name)
    return substitute(name, [
        (r"^down_blocks", "down"), (r"\.resnets\.", ".block."), (r"\.attentions\.", ".attn."),
        (r"^time_embedding\.linear_1", "temb.dense.0"),
        (r"^time_embedding\.linear_2", "temb.dense.1"), (r"^conv_norm_out", "norm_out"),
        (r"^mid_block\.block\.0", "mid.block_1"), (r"^mid_block\.block\.1", "mid.block_2"),
        (r"^mid_block\.attn\.0", "mid.attn_1"), (r"(down|up)samplers\.0\.", r"\1sample."),
        (r"time_emb_proj", "temb_proj"), (r"conv_shortcut", "nin_shortcut"),
        (r"group_norm", "norm"), (r"to_out\.0", "proj_out"), (r"to_([qkv])", r"\1")])


def improved_state_dict(model, heads):
    """Numbered blocks as that program numbers them, q, k and v fused head by head."""
    places, number = {}, 1
    for i, block in enumerate(model.down_blocks):
        for j in range(len(block.resnets)):
            places[f"down_blocks.{i}.resnets.{j}."] = f"input_blocks.{number}.0."
            places[f"down_blocks.{i}.attentions.{j}."] = f"input_blocks.{number}.1."
            number += 1
        if block.downsamplers:
            places[f"down_blocks.{i}.downsamplers.0.conv."] = f"input_blocks.{number}.0.op."
            number += 1
    number = 0
    for i, block in enumerate(model.up_blocks):
        for j in range(len(block.resnets)):
            places[f"up_blocks.{i}.resnets.{j}."] = f"output_blocks.{number}.0."
            places[f"up_blocks.{i}.attentions.{j}."] = f"output_blocks.{number}.1."
            number += 1
        after = 2 if hasattr(block, "attentions") else 1
        places[f"up_blocks.{i}.upsamplers.0.conv."] = f"output_blocks.{number - 1}.{after}.conv."
    rules = [("^" + re.escape(ours), theirs) for ours, theirs in places.items()] + [
        (r"^mid_block\.resnets\.0", "middle_block.0"), (r"^mid_block\.resnets\.1", "middle_block.2"),
        (r"^mid_block\.attentions\.0", "middle_block.1"), (r"^conv_in", "input_blocks.0.0"),
        (r"^conv_norm_out", "out.0"), (r"^conv_out", "out.2"), (r"^class_embedding", "label_emb"),
        (r"^time_embedding\.linear_1", "time_embed.0"),
        (r"^time_embedding\.linear_2", "time_embed.2"), (r"norm1", "in_layers.0"),
        (r"conv1", "in_layers.2"), (r"time_emb_proj", "emb_layers.1"), (r"norm2", "out_layers.0"),
        (r"conv2", "out_layers.3"), (r"conv_shortcut", "skip_connection"),
        (r"group_norm", "norm"), (r"to_out\.0", "proj_out")]
    state, result = model.state_dict(), {}
    for name, weight in state.items():
        if ".to_q." in name:
            parts = [state[name.replace("to_q", f"to_{x}")] for x in "qkv"]
            split = [part.reshape(heads, -1, *part.shape[1:]) for part in parts]
            weight = torch.stack(split, 1).reshape(3 * parts[0].shape[0], *parts[0].shape[1:])
        if ".to_k." in name or ".to_v." in name:
            continue
        renamed = substitute(name, rules).replace(".to_q.", ".qkv.")
        result[renamed] = as_convolution(name, weight, dims=1)
    return result


class StateDictTest(PairTest):
    def convert(self, name, **settings):
        sets = [word for key, value in settings.items()
                for word in ("--set", f"{key.replace('__', '.')}={value}")]
        out = self.folder / "ours.pt"
        diffuse("convert", self.folder / name, out, "--image-size", 8, "--set",
                "sample.clip_x0=false", *sets)
        return out

    def test_ho(self):
        model = build(dict(SMALL, **HO, norm_num_groups=32))
        state = {ho_name(name, levels=2): as_convolution(name, weight, dims=2)
                 for name, weight in model.state_dict().items()}
        torch.save(state, self.folder / "ho.ckpt")
        self.expect_equal(model, self.convert("ho.ckpt"))
        # [model, optimiser, epoch, step, ema], the model under DataParallel
        zeros = {f"module.{name}": torch.zeros_like(weight) for name, weight in state.items()}
        torch.save([zeros, {}, 1, 2, state], self.folder / "list.pth")
        self.expect_equal(model, self.convert("list.pth"))
        torch.save(state, self.folder / "old.ckpt", _use_new_zipfile_serialization=False)
        self.expect_equal(model, self.convert("old.ckpt"))

    def test_improved_diffusion(self):
        # 64 channels in heads of 16: 4 heads, that program's default
        model = build(dict(SMALL, norm_num_groups=32, resnet_time_scale_shift="scale_shift",
                           attn_norm_num_groups=32, attention_head_dim=16, out_channels=6,
                           block_out_channels=(64, 64), num_class_embeds=3, layers_per_block=2))
        torch.save(improved_state_dict(model, heads=4), self.folder / "improved.pt")
        self.expect_equal(model, self.convert("improved.pt"))
        # Of 4000 steps, the network sees t / 4.
        path = self.convert("improved.pt", diffusion__timesteps=4000, diffusion__beta_start=1e-4,
                            diffusion__beta_end=0.02)
        self.expect_equal(model, path, t=1202, scale=0.25, steps=4000)
        said = diffuse("convert", path, self.folder / "diffusers", code=2)
        self.assertIn("/model/time_scale: 0.25", said)

    def test_says_what_it_wants(self):
        torch.save({"w": torch.zeros(2)}, self.folder / "other.pt")
        out = self.folder / "out.pt"
        self.assertIn("unknown layout",
                      diffuse("convert", self.folder / "other.pt", out, code=2))
        torch.save({"temb.dense.0.weight": torch.zeros(2)}, self.folder / "ho.pt")
        self.assertIn("--image-size", diffuse("convert", self.folder / "ho.pt", out, code=2))
        self.assertIn("conv_in.weight",
                      diffuse("convert", self.folder / "ho.pt", out, "--image-size", 8, code=2))


if __name__ == "__main__":
    unittest.main()
