"""U²-Net's weights for tests: the small network's published file, where it is at hand, and made-up ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from onnx_bytes import block, model, node, tensor
from torch import nn

from wsss_core.models.u2net import U2Net

SMALL_ONNX = Path(__file__).parents[1].parent / "shared/weights/u2netp.onnx"
needs_weights = pytest.mark.skipif(not SMALL_ONNX.is_file(), reason="U²-Net's weights are not beside the repository")


def trained(variant: str = "u2netp") -> U2Net:
    """A small network whose batch norms have statistics, as after training."""
    torch.manual_seed(0)
    net = U2Net(variant).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, 0, 0.1)
    return net


def export(net: U2Net, path: Path, *, named: bool = False, shared: tuple[str, ...] = ()) -> None:
    """An ONNX file as published: units in order under numbers, their batch norms folded; only the maps have names.

    Of initialisers whose names end in one of `shared`, each is written once and used wherever its values are.
    """
    state = net.fold().state_dict()
    units = [name.removesuffix(".weight") for name in state if name.endswith("conv_s1.weight")]
    numbers = {f"{name}.{kind}": f"{1967 + 3 * k + (kind == 'bias')}" for k, name in enumerate(units)
               for kind in ("weight", "bias")}  # fmt: skip
    called = {name: name if named else numbers.get(name, name) for name in state}
    first = {}
    for name in sorted(state):
        if name.endswith(shared):
            called[name] = first.setdefault((state[name].shape, state[name].numpy().tobytes()), called[name])
    convolutions = [*units, *(f"side{level}" for level in range(1, 7)), "outconv"]
    nodes = [node("Conv", "x", called[f"{name}.weight"], called[f"{name}.bias"]) for name in convolutions]
    # Initialisers lie in an order of their own.
    tensors = [
        tensor(called[name], state[name].shape, block(9, state[name].numpy().tobytes()))
        for name in {called[name]: name for name in sorted(state)}.values()
    ]
    path.write_bytes(model(*nodes, *tensors))
