"""`model.pt`: weights and all it takes to build and use the network again. One path is enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from torch import nn

from wsss_core import artifacts, layout
from wsss_core.models.build import SEGMENTING, build_network, module_of_network
from wsss_core.models.weights import FOREIGN
from wsss_core.training import state_file

FILE = "model.pt"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of its network.

    Attributes:
        method: who trained it (`cam`, `affinity`, `deeplab`, `full_supervision`, ...).
        network: its kind in `models.build.NETWORKS`.
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

    @property
    def code(self) -> str:
        """The module of the network, which `build` imports by name."""
        return module_of_network(self.network)

    @property
    def finds_saliency(self) -> bool:
        """Whether the network makes saliency maps: SSNet's do, AuxSegNet's where that task was not left out."""
        return self.network == "ssnet" or bool(self.options.get("saliency"))


_DESCRIPTION = TypeAdapter(Description)


def build(description: Description) -> nn.Module:
    """The network as it starts: pretrained backbone where one is named, new layers at random."""
    return build_network(
        description.network,
        num_classes=len(description.classes),
        backbone=description.backbone,
        options=description.options,
    )


def save(folder: Path, model: nn.Module, description: Description) -> None:
    """Write `folder`/model.pt; loads with `torch.load(weights_only=True)`."""
    content = {**asdict(description), "classes": list(description.classes), "state": model.state_dict()}
    state_file.save(folder / FILE, content)


def load(path: Path) -> tuple[Any, Description]:
    """The trained network in eval mode, on the CPU, and its description.

    Args:
        path: a model.pt, the folder that holds one, or of a method in rounds the folder of these: the last counts.

    Raises:
        ArtifactError: there is none, or it is no checkpoint of ours.
    """
    file = file_of(path)
    with artifacts.reading(file), _expecting_ours(file):
        content = state_file.load(file)
        state = content.pop("state")
        description = _DESCRIPTION.validate_python(content)
    with _expecting_ours(file):
        model = _built(file, description)
        model.load_state_dict(state)
    if broken := [name for name, values in state.items() if not values.isfinite().all()]:
        raise artifacts.ArtifactError(
            f"{file} has weights that are not finite ({len(broken)} tensors, {broken[0]} first); train it anew with a"
            f" lower optimizer.lr{_command(file, layout.made_by(file))}"
        )
    return model.eval(), description


def _built(file: Path, description: Description) -> nn.Module:
    """The network without its weights."""
    try:
        return build(replace(description, backbone={**description.backbone, "weights": "none"}))
    except ValueError as error:  # which says what is missing here: timm may not know the name, or not at this stride
        raise artifacts.ArtifactError(f"{file} holds a network that cannot be built here: {error}") from error


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
                f"{_command(file, layout.made_by(file))}"
            ) from error
        raise _not_ours(file) from error
    except artifacts.ArtifactError:
        raise
    except FOREIGN as error:
        raise _not_ours(file) from error


def _not_ours(file: Path) -> artifacts.ArtifactError:
    return artifacts.ArtifactError(
        f"{file} is no model of this project, or damaged; give the model.pt that a training stage wrote, or make it"
        f" anew{_command(file, layout.made_anew(file))}"
    )


def _command(file: Path, command: str) -> str:
    """The command that makes a model, in brackets; nothing where no stage writes it."""
    return f" (`{command}`)" if layout.is_made(file) else ""


def load_segmenter(path: Path) -> tuple[Any, Description]:
    """As `load`, for a network that segments.

    Raises:
        ArtifactError: as `load`.
        ValueError: the network makes class maps or affinities, not label maps.
    """
    network, description = load(path)
    if description.network not in SEGMENTING:
        raise ValueError(f"{path} is a {description.method} network, which does not segment; take models/deeplab")
    return network, description
