"""The one evaluator: any folder of label maps, score maps or saliency maps against the true masks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from wsss_core import artifacts, layout, manifests, supervision
from wsss_core.artifacts import Scores
from wsss_core.data.agreement import Seen, disagreements
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation import counting
from wsss_core.evaluation.between_stages import agreement
from wsss_core.evaluation.calibration import Calibration
from wsss_core.evaluation.confusion import Confusion, ThresholdSweep
from wsss_core.evaluation.counting import Confidence, Read
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.evaluation.label_scores import CLASS_COLUMNS, LabelScores
from wsss_core.evaluation.measured import measured_on
from wsss_core.evaluation.saliency import THRESHOLDS, SaliencyScores
from wsss_core.ops import grids
from wsss_core.ops.refinement import ids_of
from wsss_core.problems import require_usable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scorer:
    """Writes one metrics file of `layout.METRICS` for each artifact it scores.

    Attributes:
        index, truth: the data set and its masks; images without a mask are left out.
        threshold_step: spacing of the background thresholds of the sweep.
        tuning_every: every such training image that has a mask counts as one on which parameters may be chosen;
            metrics of the training split are given for all images, for those and for the rest. 0 = no such split.
        workers: processes that count; the figures do not depend on it.
        written: the files of figures so far.
    """

    index: Index
    truth: Masks
    threshold_step: float
    tuning_every: int
    workers: int = 0
    written: list[Path] = field(default_factory=list)

    def score_labels(
        self,
        name: str,
        read: Read,
        *,
        split: str,
        supervised_by: str = supervision.TAGS,
        confidence: Confidence | None = None,
    ) -> None:
        """Score label maps: read(id) is (H, W) uint8; the figures say by what the maps are supervised.

        Where the labels were made of scores, confidence(id, labels) is what these give them, (H, W) float in [0, 1].
        """
        ids = self._ids(split, name)
        scores = self._counted(ids, read, split=split, name=name, confidence=confidence)
        self._write(name, scores, split=split, num_images=len(ids), extra={"supervision": supervised_by})
        if confidence is not None:
            self._write_calibration(name, scores.calibration)

    def score_cams(self, folder: Path) -> None:
        """Score class activation maps at every threshold; the best one is an oracle's and marked as such."""
        ids = self._ids("train", "cam")
        cams, sweep = Maps(folder, self.index), ThresholdSweep(len(self.index.classes), round(1 / self.threshold_step))
        count = partial(counting.of_thresholds, cams=cams, truth=self.truth, sweep=sweep)
        for _, placed in counting.counts(count, ids, name="cam", workers=self.workers):
            sweep.take(*placed)
        thresholds, curve = sweep.curve() if ids else ((), ())
        best = int(np.nan_to_num(curve, nan=-1).argmax()) if ids else 0
        read = partial(_thresholded, cams=cams, threshold=float(thresholds[best]) if ids else 0.0)
        counted = self._counted(ids, read, split="train", name="cam at its best threshold")
        oracle = {"oracle_threshold": float(thresholds[best])} if ids and np.isfinite(curve[best]) else {}
        extra = {"supervision": manifests.supervision_of(folder), **oracle} if ids else {}
        self._write("cam", counted, split="train", num_images=len(ids), extra=extra)
        rows = zip(thresholds, curve, strict=True)
        self._write_rows(layout.PLOTS / "cam_thresholds.csv", ("threshold", "miou"), rows)

    def score_snapshots(self, name: str, folder: Path) -> None:
        """Score the labels that a network in training made for a few images: one row of a table for each moment.

        `right` is the share of labelled pixels whose label is true; diagnosis only, nothing is chosen by it.
        """
        rows = []
        ids = [image_id for image_id in self.index.ids("train") if self.truth.available(image_id)]
        for of_step in sorted(path for path in folder.iterdir() if path.is_dir()) if ids else ():
            maps, counted = Maps(of_step, self.index), Confusion(len(self.index.classes))
            for image_id in ids:
                if artifacts.png_path(of_step, image_id).exists():
                    counted.add(maps.labels(image_id), self.truth.read(image_id))
            if counted.matrix.any():
                figures = counted.miou_labelled(), counted.accuracy_labelled(), counted.coverage()
                rows.append((int(of_step.name.removeprefix("step_")), *figures))
        self._write_rows(layout.PLOTS / f"{name}_labels.csv", ("step", "miou_labelled", "right", "coverage"), rows)

    def score_saliency(self, name: str, folder: Path, *, split: str) -> None:
        """Score saliency maps against the union of all classes, void pixels left out; write the curve of P over R."""
        ids = self._ids(split, name)
        if ids and manifests.is_empty(folder):
            self._write_absent(name, split, f"{folder} holds no maps, for the network was trained without saliency")
            ids = []
        maps, total = Maps(folder, self.index), SaliencyScores(normalise=False)
        count = partial(counting.of_saliency, read=maps.grey, truth=self.truth)
        for _, one in counting.counts(count, ids, name=name, workers=self.workers):
            total.merge(one)
        curve: Iterable = []
        if total.num_images:
            kind = manifests.supervision_of(folder)
            self._write_json(name, {"split": split, "supervision": kind, **total.summary()})
            curve = zip(THRESHOLDS, *total.curve(), strict=True)
        elif ids:
            self._write_absent(name, split, f"every mask of the {split} images is void")
        self._write_rows(layout.PLOTS / f"{name}_curve.csv", ("threshold", "precision", "recall"), curve)

    def score_agreement(self, name: str, stages: Mapping[str, Read], *, supervised_by: str) -> None:
        """Score label maps of the training split against those of the stage before, masks or none."""
        ids = self.index.ids("train")
        figures = agreement(stages, ids, num_classes=len(self.index.classes), workers=self.workers)
        self._write_json(name, {"split": "train", "num_images": len(ids), "supervision": supervised_by, **figures})

    def _ids(self, split: str, name: str) -> list[str]:
        ids = [image_id for image_id in self.index.ids(split) if self.truth.available(image_id)]
        if not ids:
            self._write_absent(name, split, f"no {split} image has a mask")
        return ids

    def _write_absent(self, name: str, split: str, reason: str) -> None:
        note = f"{reason}: figures are absent"
        logger.warning("%s: %s", name, note)
        self._write_json(name, {"split": split, "num_images": 0, "note": note})

    def _counted(
        self, ids: Sequence[str], read: Read, *, split: str, name: str, confidence: Confidence | None = None
    ) -> LabelScores:
        """The label maps of all images against their masks."""
        groups = dict(self._members(ids, split))
        scores = LabelScores(len(self.index.classes), sorted({group for own in groups.values() for group in own}))
        count = partial(counting.of_labels, read=read, truth=self.truth, num_classes=len(self.index.classes),
                        confidence=confidence)  # fmt: skip
        for image_id, one in counting.counts(count, ids, name=name, workers=self.workers):
            scores.add(one, groups=groups[image_id])
        return scores

    def _members(self, ids: Sequence[str], split: str) -> list[tuple[str, list[str]]]:
        if split != "train" or not self.tuning_every:
            return [(image_id, ["all"]) for image_id in ids]
        chosen = set(ids[:: self.tuning_every])
        return [(image_id, ["all", "tuning" if image_id in chosen else "rest"]) for image_id in ids]

    def _write(self, name: str, scores: LabelScores, *, split: str, num_images: int, extra: dict) -> None:
        """The metrics file, the confusion matrix and the table of classes; without images their headers alone."""
        names = ("background", *self.index.classes)
        if not num_images:
            self._write_rows(layout.CONFUSION / f"{name}.csv", ("truth",), [])
            self._write_rows(layout.CLASSES / f"{name}.csv", CLASS_COLUMNS, [])
            return
        confusion = scores.groups["all"]
        iou = {label: float(value) for label, value in zip(names, confusion.iou(), strict=True) if np.isfinite(value)}
        content = {"split": split, "num_images": num_images, **scores.figures(), **extra, "iou": iou}
        known = {key: value for key, value in content.items() if not (isinstance(value, float) and np.isnan(value))}
        self._write_json(name, known)
        rows = ((true, *row) for true, row in zip(names, confusion.filled.tolist(), strict=True))
        self._write_rows(layout.CONFUSION / f"{name}.csv", ("truth", *names), rows)
        self._write_rows(layout.CLASSES / f"{name}.csv", CLASS_COLUMNS, scores.of_classes(names))

    def _write_calibration(self, name: str, calibration: Calibration | None) -> None:
        curve = calibration.curve() if calibration else []
        self._write_rows(layout.PLOTS / f"{name}_calibration.csv", ("confidence", "precision", "pixels"), curve)

    @cached_property
    def _measured_on(self) -> dict[str, str]:
        return measured_on(self.index, self.truth)

    def _write_json(self, name: str, figures: dict) -> None:
        path = layout.METRICS / f"{name}.json"
        artifacts.write_json(path, {**figures, "measured_on": self._measured_on[figures["split"]]})
        self.written.append(path)

    def _write_rows(self, path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
        artifacts.write_text(path, csv_text(header, rows))
        self.written.append(path)


def require_agreement(splits: Mapping[str, Mapping[str, Seen]], index: Index) -> None:
    """Log where the true masks that are to be measured against contradict the tags.

    Args:
        splits: split -> image id -> what its mask and its tags show.
        index: names the classes.

    Raises:
        DatasetError: the masks of a split show no object of any class, so that a figure would praise any prediction
            of background.
    """
    problems = disagreements(splits, index.classes)
    require_usable(problems, index.root)


def strongest(scores: Scores) -> np.ndarray:
    """(H, W) uint8: the class with the highest score of maps whose first is the background's."""
    return scores.classes[grids.read(scores.scores, scores.size).argmax(axis=0)].astype(np.uint8)


def thresholded(scores: Scores, threshold: float) -> np.ndarray:
    """(H, W) uint8: the class with the highest score above `threshold`, else background."""
    maps = grids.read(scores.scores, scores.size)
    constant = np.full((1, *scores.size), threshold, dtype=np.float32)
    return ids_of(scores.classes)[np.concatenate([constant, maps]).argmax(axis=0)]


def _thresholded(image_id: str, *, cams: Maps, threshold: float) -> np.ndarray:
    return thresholded(cams.scores(image_id), threshold)
