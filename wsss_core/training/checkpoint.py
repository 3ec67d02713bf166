"""`model.pt`: weights and all it takes to build and use the network again. One path is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from wsss_core import artifacts, remedies
from wsss_core.models.build import build_network
from wsss_core.models.weights import FOREIGN
from wsss_core.problems import excerpt
from wsss_core.training import state_file

FILE = "model.pt"

Make = type[nn.Module]

FORMAT = 2
"""Of the content. 1, which bore no number, called networks by other names: see `_names_of_now`."""


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of its network.

    Attributes:
        method: who trained it (`cam`, `affinity`, `deeplab`, `full_supervision`, ...).
        network: the method whose network it is (`cam`, `affinitynet`, `deeplab`, `rrm`, ...).
        classes: names of the classes; id i+1 is classes[i].
        backbone: keyword arguments of `build_backbone`.
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


def build(description: Description, network: Make) -> Any:
    """The network as it starts: pretrained backbone where one is named, new layers at random.

    Args:
        network: its class.
    """
    return build_network(
        network,
        num_classes=len(description.classes),
        backbone=description.backbone,
        options=description.options,
    )


def save(folder: Path, model: nn.Module, description: Description) -> None:
    """Write `folder`/model.pt; loads with `torch.load(weights_only=True)`."""
    content = {
        "format": FORMAT, **asdict(description), "classes": list(description.classes), "state": model.state_dict()
    }  # fmt: skip
    state_file.save(folder / FILE, content)


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
        content = state_file.load(file)
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
        return build(replace(description, backbone={**description.backbone, "weights": "none"}), make)
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
    except state_file.NoDigestError as error:
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
