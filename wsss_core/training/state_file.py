"""Files of tensors and plain values with a digest of their own, so that one copied alone shows any damage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from wsss_core import artifacts
from wsss_core.models.weights import FOREIGN

_DIGEST = "digest"


class DamagedError(ValueError):
    """A file holds no state of ours, or not the one that was saved."""


class NoDigestError(DamagedError):
    """A file that this software's earlier versions may have written: `names` are those of its values."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__("it has no digest")
        self.names = set(names)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a dict of tensors, numbers, strings, None, and lists and dicts of these, whole or not at all.

    Raises:
        OSError: the system refuses, for example since the disk is full; names the file.
    """
    content = {**state, _DIGEST: _digest_of(state)}
    with artifacts.atomic(path) as temporary, temporary.open("wb") as stream:
        try:  # with the path alone, torch would hide what the system said
            torch.save(content, stream)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # raised first; then torch could not end the file
                raise error.__context__ from None
            raise


def load(path: Path) -> dict[str, Any]:
    """What `save` wrote, on the CPU, read without running code.

    Raises:
        DamagedError: it is not what was saved.
        NoDigestError: nothing tells whether it is.
        OSError: as the system says.
    """
    with path.open("rb") as stream:
        try:
            state = torch.load(stream, map_location="cpu", weights_only=True)
        except FOREIGN as error:
            raise DamagedError("it cannot be read") from error
    if not isinstance(state, dict):
        raise DamagedError("it holds no dict")
    if _DIGEST not in state:
        raise NoDigestError(state)
    if state.pop(_DIGEST) != _digest_of(state):
        raise DamagedError("its content is not what was saved")
    return state


def _digest_of(state: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    _add(digest, state)
    return digest.hexdigest()


def _add(digest: hashlib.blake2b, value: Any) -> None:
    """Names, kinds, shapes and bytes, each with its end marked, so that no two states are added alike."""
    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype} {tuple(value.shape)}\0".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, dict):
        digest.update(f"dict {len(value)}\0".encode())
        for key, item in value.items():
            _add(digest, key)
            _add(digest, item)
    elif isinstance(value, list | tuple):
        digest.update(f"list {len(value)}\0".encode())
        for item in value:
            _add(digest, item)
    else:
        digest.update(f"{value!r}\0".encode())
