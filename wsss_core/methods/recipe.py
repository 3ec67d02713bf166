"""What the part `recipe` of every single-stage and joint method gives to `stages.train_joint`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wsss_core import supervision
from wsss_core.data.index import Index
from wsss_core.data.training_set import Samples
from wsss_core.sections.training import Training
from wsss_core.sections.two_branch import SnapshotTimes
from wsss_core.training.loop import Losses
from wsss_core.training.snapshots import Label
from wsss_core.training.start import Start
from wsss_core.training.train import Schedule


@dataclass(frozen=True)
class Recipe:
    """How a method trains.

    Attributes:
        section: how it trains: its own of params.yaml, or a part of that.
        settings: of params.yaml what the training depends on beside `section`; {} where that is all.
        options: keyword arguments of the network.
        losses: what the loop minimises.
        start: where the weights come from.
        schedule: of the learning rate; None = the usual one.
        label: the labels that the network makes for itself, for pictures of them; None = it makes none.
        moments: when such pictures are made, and of how many photographs.
        samples: its training stream; None = the training photographs with their tags.
        inputs: files and folders that the stream reads beside the index.
        supervised_by: what it is supervised by beside the tags and what `inputs` are; a kind of `supervision`.
    """

    section: Training
    options: dict
    losses: Losses
    start: Start
    schedule: Schedule | None = None
    label: Label | None = None
    moments: SnapshotTimes | None = None
    settings: dict = field(default_factory=dict)
    samples: Callable[[Index], Samples] | None = None
    inputs: tuple[Path, ...] = ()
    supervised_by: str = supervision.TAGS
