"""U²-Net's weights from a file: the published state dict, or an ONNX file's initialisers."""

from __future__ import annotations

from pathlib import Path

import torch

from wsss_core.models.onnx_file import read_onnx
from wsss_core.models.u2net import U2Net, Unit
from wsss_core.models.weights import load_weights, read_state_dict


def load_u2net(path: Path, *, variant: str) -> U2Net:
    """The network for inference, its batch norms folded, in eval mode on the CPU.

    Args:
        path: `.onnx`, whose exporter may have folded the batch norms and dropped the units' names; anything else is a
            state dict (`.pth`, `.safetensors`), as published or folded.
        variant: a key of `u2net.VARIANTS`.

    Raises:
        ValueError: the file is missing, unreadable, or holds another network's weights.
    """
    if not path.is_file():
        raise ValueError(
            f"saliency.weights is {str(path)!r}, and there is no such file; give the path of {variant}'s weights"
            " (.pth, .safetensors or .onnx), or auto"
        )
    net = U2Net(variant)
    state = _state_of_onnx(path, net) if path.suffix.lower() == ".onnx" else read_state_dict(path)
    if not any(name.endswith("running_var") for name in state):
        net.fold()
    remedy = f"set saliency.method to the network of the file, or saliency.weights to a file of {variant}"
    load_weights(net, state, name=variant, source=str(path), remedy=remedy)
    net.fold()
    broken = [name for name, tensor in net.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise ValueError(f"{path} holds weights that are no numbers ({broken[0]} the first); fetch the file again")
    return net.eval()


def _state_of_onnx(path: Path, net: U2Net) -> dict[str, torch.Tensor]:
    """The initialisers by the network's names: their own, or, for units without, those of their place in the graph.

    The published exports fold each unit's batch norm into its convolution and call both tensors by numbers; the seven
    convolutions that make maps keep their names. The graph holds the units in the order of their definition.
    """
    weights = read_onnx(path)
    state = {name: torch.from_numpy(array) for name, array in weights.arrays.items()}
    units = [name for name, module in net.named_modules() if isinstance(module, Unit)]
    made_maps = {name.removesuffix(".weight") for name in state if name.endswith(".weight")}
    convolutions = [inputs for inputs in weights.convolutions if len(inputs) > 1]
    named = [inputs for inputs in convolutions if inputs[1].removesuffix(".weight") in made_maps]
    placed = {f"{inputs[1].removesuffix('.weight')}.bias": inputs[2] for inputs in named if len(inputs) > 2}
    if not any(name.endswith(f"{units[0]}.conv_s1.weight") for name in state):
        unnamed = [inputs for inputs in convolutions if inputs not in named]
        if len(unnamed) != len(units) or not all(len(inputs) == 3 and {*inputs[1:]} <= {*state} for inputs in unnamed):
            raise ValueError(
                f"{path} does not hold the weights of {net.variant}: it has {len(unnamed)} convolutions whose weights"
                f" bear no name, {net.variant} has {len(units)}; set saliency.method: onnx to run another network's"
                " file"
            )
        for unit, (_, weight, bias) in zip(units, unnamed, strict=True):
            placed |= {f"{unit}.conv_s1.weight": weight, f"{unit}.conv_s1.bias": bias}
    # An exporter may keep one of several equal initialisers and let all these convolutions use it.
    others = {name: tensor for name, tensor in state.items() if name not in {*placed.values()}}
    return others | {name: state[initialiser] for name, initialiser in placed.items() if initialiser in state}
