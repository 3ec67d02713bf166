"""Weights from files into a network: every format read, and every mismatch told in one sentence."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Container
from pathlib import Path

import torch
from torch import nn

from wsss_core.models.mxnet_params import read_params, resnet38d_arrays
from wsss_core.problems import FOREIGN

logger = logging.getLogger(__name__)

WRAPPERS = ("state", "state_dict", "model_state_dict", "model")
"""Under which of its keys a checkpoint keeps the state dict, where it holds more than that."""
COUNTER_KEY = "num_batches_tracked"
"""Only batch norm without momentum reads it, and files from before PyTorch 0.4.1 lack it."""


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, on the CPU.

    Args:
        path: `.safetensors`; `.params` (MXNet, its keys translated to those of ResNet38d); anything else is
            read by `torch.load(weights_only=True)`, a state dict or a checkpoint that holds one.

    Raises:
        ValueError: the file is missing, unreadable or holds no tensors; says so and what to do.
    """
    if not path.is_file():
        raise ValueError(
            f"backbone.weights is {str(path)!r}, and there is no such file; give the path of a weights file,"
            " 'imagenet' or 'none'"
        )
    if path.suffix == ".params":
        return {name: torch.from_numpy(array) for name, array in resnet38d_arrays(read_params(path)).items()}
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise _unreadable(path) from error


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FOREIGN as error:
        raise _unreadable(path) from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    entries = content.items() if isinstance(content, dict) else ()
    tensors = {name: entry for name, entry in entries if isinstance(name, str) and isinstance(entry, torch.Tensor)}
    if not tensors:
        raise ValueError(f"{path} holds no tensors by name; save a network's state_dict() there")
    return tensors


def _unreadable(path: Path) -> ValueError:
    # Never the reader's own words: torch's advise to run what code the file holds.
    return ValueError(
        f"{path} cannot be read as weights, it is damaged or holds more than tensors; fetch it again, or give"
        " a state_dict() that torch.save wrote, a .safetensors or MXNet's .params file"
    )


def load_weights(net: nn.Module, state: dict[str, torch.Tensor], *, name: str, source: str, remedy: str) -> None:
    """Fill every parameter and buffer of `net` from `state`.

    A common prefix of the names (`module.`, `backbone.net.`) is found and taken off. What `net` does not have
    (a classifier, other heads) is left out and logged.

    Args:
        net: filled in place.
        state: its tensors by name, and more.
        name: the architecture, for messages.
        source: where the tensors come from, for messages.
        remedy: what to do if they are another architecture's; ends the message.

    Raises:
        ValueError: a tensor of `net` is missing or has another shape: it is another architecture; or tensors hold what
            no network computes with.
    """
    wanted = net.state_dict()
    state = _without_prefix(state, wanted.keys())
    missing = [key for key in wanted if key not in state and not key.endswith(COUNTER_KEY)]
    misshapen = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    if missing or misshapen:
        fault = _describe_mismatch(wanted, state, missing, misshapen)
        raise ValueError(f"{source} does not hold the weights of {name}: {fault}; {remedy}")
    unexpected = [key for key in state if key not in wanted]
    if unexpected:
        logger.info(
            "%s: %d tensors are not part of %s and are left out: %s%s",
            source,
            len(unexpected),
            name,
            ", ".join(unexpected[:4]),
            ", ..." if len(unexpected) > 4 else "",
        )
    filling = {key: state[key] for key in wanted if key in state}
    broken = [key for key, tensor in filling.items() if not _is_usable(tensor, like=wanted[key])]
    if broken:
        raise ValueError(
            f"{source} holds {len(broken)} tensors for {name} that are not finite numbers of floating point"
            f" ({broken[0]} the first); fetch the file again"
        )
    net.load_state_dict(filling, strict=False)


def _is_usable(tensor: torch.Tensor, *, like: torch.Tensor) -> bool:
    """Whether a tensor is a dense one of finite numbers, of floating point where the network's are."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        return False
    return not like.is_floating_point() or (tensor.is_floating_point() and bool(tensor.isfinite().all()))


def _without_prefix(state: dict[str, torch.Tensor], wanted: Container[str]) -> dict[str, torch.Tensor]:
    """Take off the prefix under which most of the wanted names are found."""
    found: Counter[str] = Counter()
    for key in state:
        starts = [0, *(i + 1 for i, letter in enumerate(key) if letter == ".")]
        found.update(key[:start] for start in starts if key[start:] in wanted)
    prefix = max(found, key=lambda p: (found[p], -len(p)), default="")
    return {key.removeprefix(prefix): tensor for key, tensor in state.items()}


def _describe_mismatch(
    wanted: dict[str, torch.Tensor],
    state: dict[str, torch.Tensor],
    missing: list[str],
    misshapen: list[str],
) -> str:
    faults = []
    if missing:
        faults.append(f"{len(missing)} of its {len(wanted)} tensors are missing, {missing[0]} the first")
    if misshapen:
        key = misshapen[0]
        faults.append(
            f"{len(misshapen)} have another shape, {key} is {_shape(state[key])} and not"
            f" {_shape(wanted[key])}"
        )
    strangers = next((key for key in state if key not in wanted), None)
    hint = f" (the file has {strangers})" if missing and strangers else ""
    return f"{'; '.join(faults)}{hint}"


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape))
