"""Writes tests/fixtures/torch_save.pt: what Python's torch.save makes of every kind of value that
checkpoint_file_test.cpp reads back. Needs torch (made with 2.11)."""

import pathlib

import torch

linear = torch.nn.Linear(2, 1)
with torch.no_grad():
    linear.weight.copy_(torch.tensor([[0.5, -2.0]]))
    linear.bias.copy_(torch.tensor([1.25]))
optimizer = torch.optim.Adam(linear.parameters(), lr=1e-3, betas=(0.9, 0.999))
linear(torch.tensor([[1.0, 1.0]])).sum().backward()
optimizer.step()

table = torch.arange(6, dtype=torch.float32).reshape(2, 3)
contents = {
    "none": None,
    "yes": True,
    "no": False,
    "small": -7,
    "byte": 200,
    "short": 60000,
    "large": -(2**40) - 3,
    "float": 0.1,
    "text": "β = 1e-4\n",
    "long_text": "x" * 300,
    "list": [1, [2.5, "three"], []],
    "tuple": (4, 5, 6, 7),
    "state_dict": linear.state_dict(),
    "parameter": linear.weight,
    "optimizer": optimizer.state_dict(),
    "transposed": table.t(),
    "row": table[1],
    "scalar": torch.tensor(3.5),
    "empty": torch.empty(0, 4),
    "float64": torch.tensor([0.1], dtype=torch.float64),
    "float16": torch.tensor([0.5, -1.5], dtype=torch.float16),
    "bfloat16": torch.tensor([0.5, -1.5], dtype=torch.bfloat16),
    "int64": torch.tensor([2**40]),
    "int32": torch.tensor([-5], dtype=torch.int32),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
}
with torch.no_grad():
    linear.weight.copy_(torch.tensor([[0.5, -2.0]]))
    linear.bias.copy_(torch.tensor([1.25]))

folder = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
folder.mkdir(exist_ok=True)
torch.save(contents, folder / "torch_save.pt")
torch.save(contents, folder / "torch_save_protocol4.pt", pickle_protocol=4)
torch.save(contents, folder / "torch_save_legacy.pt", _use_new_zipfile_serialization=False)
