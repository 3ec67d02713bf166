"""`model.pt`: weights and all it takes to build and use the network again. One path is enough.

It is, as the unfinished state of a training, a file of tensors and plain values with a digest of its own, so that one
copied alone shows any damage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from wsss_core import artifacts, remedies
from wsss_core.models.build import build_backbone, build_network
from wsss_core.problems import FOREIGN, excerpt

FILE = "model.pt"

Make = type[nn.Module]

FORMAT = 2
"""The format of a model file. 1, which bore no number, called networks by other names: see `_names_of_now`."""
_DIGEST = "digest"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of its network.

    Attributes:
        method: who trained it (`cam`, `affinity`, `deeplab`, `full_supervision`, ...).
        network: the method whose network it is (`cam`, `affinitynet`, `deeplab`, `rrm`, ...).
        classes: names of the classes; id i+1 is classes[i].
        backbone: keyword arguments of `pretrained_backbone`.
        options: keyword arguments of the network.
        params: the section it was trained with.
    """

    method: str
    network: str
    classes: tuple[str, ...]
    backbone: dict
    options: dict
    params: dict


_DESCRIPTION = TypeAdapter(Description)


def save(folder: Path, model: nn.Module, description: Description) -> None:
    """Write `folder`/model.pt; loads with `torch.load(weights_only=True)`."""
    content = {
        "format": FORMAT, **asdict(description), "classes": list(description.classes), "state": model.state_dict()
    }  # fmt: skip
    save_state(folder / FILE, content)


def load(path: Path, network: Make | Callable[[Description], Make]) -> tuple[Any, Description]:
    """The trained network in eval mode, on the CPU, and its description.

    Args:
        path: a model.pt, the folder that holds one, or of a method in rounds the folder of these: the last counts.
        network: its class, or what finds that for a description.

    Raises:
        ArtifactError: there is none, or it is no checkpoint of ours.
    """
    file = file_of(path)
    state, description = read(path)
    with _expecting_ours(file):
        model = _built(file, description, network)
        model.load_state_dict(state)
    return model.eval(), description


def read(path: Path) -> tuple[dict[str, torch.Tensor], Description]:
    """The weights of a trained network by name, and its description; `path` and errors as for `load`."""
    file = file_of(path)
    with artifacts.reading(file), _expecting_ours(file):
        content = load_state(file)
        _require_known(file, content.pop("format", 1))
        state = content.pop("state")
        description = _names_of_now(_DESCRIPTION.validate_python(content))
        broken = [name for name, values in state.items() if not values.isfinite().all()]
    if broken:
        raise artifacts.ArtifactError(
            f"{file} has weights that are not finite ({len(broken)} tensors, {broken[0]} first); train it anew with a"
            f" lower optimizer.lr{_command(file, remedies.made_by(file))}"
        )
    return state, description


def _require_known(file: Path, number: object) -> None:
    if not isinstance(number, int) or number > FORMAT:
        raise artifacts.ArtifactError(
            f"{file} is of a later version of this software (format {number}, known are 1 to {FORMAT}); update it"
        )


def _names_of_now(description: Description) -> Description:
    """Networks bear the names of their methods; in files of format 1 some had names of their own."""
    names = {"affinity": "affinitynet", "two_branch": description.method}
    return replace(description, network=names.get(description.network, description.network))


def _built(file: Path, description: Description, network: Make | Callable[[Description], Make]) -> Any:
    """The network without its weights."""
    try:
        make = network if isinstance(network, type) else network(description)
        backbone = build_backbone(**{key: value for key, value in description.backbone.items() if key != "weights"})
        return build_network(make, backbone, num_classes=len(description.classes), options=description.options)
    except ValueError as error:  # which says what is missing here: timm may not know the name, or not at this stride
        reason = excerpt(str(error))  # which may quote any value of the file
        raise artifacts.ArtifactError(f"{file} holds a network that cannot be built here: {reason}") from error


def file_of(path: Path) -> Path:
    """The model.pt that a path means; see `load`."""
    if path.suffix and not path.is_dir():
        return path
    rounds = [found for found in path.glob("round_*") if found.name.removeprefix("round_").isdigit()]
    last = max(rounds, key=lambda found: int(found.name.removeprefix("round_")), default=path)
    return (path if (path / FILE).exists() else last) / FILE


@contextmanager
def _expecting_ours(file: Path) -> Iterator[None]:
    """Turns what foreign content raises into one sentence; torch's own advise to run what code it holds."""
    try:
        yield
    except NoDigestError as error:
        if error.names >= {"network", "backbone", "state"}:
            raise artifacts.ArtifactError(
                f"{file} is of an earlier version of this software, which kept no digest of its weights; make it anew"
                f"{_command(file, remedies.made_by(file))}"
            ) from error
        raise _not_ours(file) from error
    except artifacts.ArtifactError:
        raise
    except FOREIGN as error:
        raise _not_ours(file) from error


def _not_ours(file: Path) -> artifacts.ArtifactError:
    return artifacts.ArtifactError(
        f"{file} is no model of this project, or damaged; give the model.pt that a training stage wrote, or make it"
        f" anew{_command(file, remedies.made_anew(file))}"
    )


def _command(file: Path, command: str) -> str:
    """The command that makes a model, in brackets; nothing where no stage writes it."""
    return f" (`{command}`)" if remedies.is_made(file) else ""


class DamagedError(ValueError):
    """A file holds no state of ours, or not the one that was saved."""


class NoDigestError(DamagedError):
    """A file that this software's earlier versions may have written: `names` are those of its values."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__("it has no digest")
        self.names = set(names)


def save_state(path: Path, state: dict[str, Any]) -> None:
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


def load_state(path: Path) -> dict[str, Any]:
    """What `save_state` wrote, on the CPU, read without running code.

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
