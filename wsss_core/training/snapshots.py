"""Labels that a network in training makes for a few whole photographs, kept at several moments to look at."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from wsss_core import artifacts, manifests
from wsss_core.data.index import Index
from wsss_core.data.training_set import tag_vector
from wsss_core.ops.images import limited_size, resized, stacked
from wsss_core.runtime.journal import Journal, publish, whole

MAX_PIXELS = 500_000
"""Larger photographs are labelled at this size: VOC's have 190,000."""

Label = Callable[[nn.Module, dict], torch.Tensor]
"""label(model in eval mode, batch of `TrainingSet`'s kind) -> (B, H, W) int64 labels."""


@dataclass(frozen=True)
class Snapshots:
    """What to keep.

    Attributes:
        index, ids: the photographs.
        at: the moments, as shares of the run; 1 is its end.
        label: makes the labels.
        out: gets a folder of label maps for each moment, named after its step.
    """

    index: Index
    ids: Sequence[str]
    at: Sequence[float]
    label: Label
    out: Path

    def open(self, journal: Journal, *, steps: int, device: torch.device) -> SnapshotWriter:
        """The pictures taken so far by the training of this journal, and the moments of all."""
        kept_steps = {max(1, round(share * steps)) for share in self.at}
        return SnapshotWriter(self, journal.beside / "snapshots", frozenset(kept_steps), len(str(steps)), device)


@dataclass(frozen=True)
class SnapshotWriter:
    """Snapshots of one run: `after_step` it with the loop, `publish` it at its end."""

    snapshots: Snapshots
    folder: Path
    kept_steps: frozenset[int]
    digits: int
    device: torch.device

    @torch.no_grad()
    def after_step(self, model: nn.Module, steps: int) -> None:
        """Label every photograph, if this is a moment, with a float32 copy of the model in eval mode."""
        if steps not in self.kept_steps:
            return
        model = copy.deepcopy(model).float().eval()
        folder = self.folder / self._name(steps)
        for image_id in self.snapshots.ids:
            size, batch = self._batch(image_id)
            labels = self.snapshots.label(model, batch)
            full = F.interpolate(labels[:, None].float(), size=size, mode="nearest")[0, 0]
            artifacts.write_labels(folder, image_id, full.cpu().numpy())

    def publish(self, *, params: object, supervised_by: str) -> None:
        """Move all moments to their place, with a manifest that says by what the network was taught.

        Raises:
            ArtifactError: they are not all there, or not alone.
        """
        needed = {f"{self._name(steps)}/{image_id}.png" for steps in self.kept_steps for image_id in self.snapshots.ids}
        made = whole(self.folder, needed=needed)
        manifests.write(self.folder, stage="snapshots", params=params, names=made, supervised_by=supervised_by)
        publish(self.folder, self.snapshots.out)

    def _name(self, steps: int) -> str:
        return f"step_{steps:0{self.digits}d}"

    def _batch(self, image_id: str) -> tuple[tuple[int, int], dict]:
        """The photograph's (H, W), and the photograph as a batch of one."""
        index = self.snapshots.index
        size = index.size(image_id)
        seen = limited_size(size, scale=1.0, max_pixels=MAX_PIXELS)
        image = resized(stacked([index.image(image_id)], self.device), seen)
        roi = torch.ones(1, *image.shape[-2:], dtype=torch.bool)
        batch = {"image": image, "tags": tag_vector(index, image_id)[None], "roi": roi}
        return size, {"id": [image_id], **{name: value.to(self.device) for name, value in batch.items()}}
