"""The one evaluator: any folder of label maps, score maps or saliency maps against the true masks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from wsss_core import artifacts, layout, manifests, supervision
from wsss_core.artifacts import Scores
from wsss_core.data.agreement import Seen, disagreements
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation.between_stages import agreement
from wsss_core.evaluation.calibration import Calibration
from wsss_core.evaluation.confusion import Confusion, ThresholdSweep
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.evaluation.label_scores import CLASS_COLUMNS, LabelScores
from wsss_core.evaluation.measured import measured_on
from wsss_core.evaluation.saliency import THRESHOLDS, SaliencyScores
from wsss_core.ops import grids
from wsss_core.ops.refinement import ids_of
from wsss_core.problems import require_usable
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

logger = logging.getLogger(__name__)
Read = Callable[[str], np.ndarray]
Confidence = Callable[[str, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Scorer:
    """Writes one metrics file of `layout.METRICS` for each artifact it scores.

    Attributes:
        index, truth: the data set and its masks; images without a mask are left out.
        threshold_step: spacing of the background thresholds of the sweep.
        tuning_every: every such training image that has a mask counts as one on which parameters may be chosen;
            metrics of the training split are given for all images, for those and for the rest. 0 = no such split.
        written: the files of figures so far.
    """

    index: Index
    truth: Masks
    threshold_step: float
    tuning_every: int
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
        scores = self._label_scores(ids, split)
        for image_id, groups in _progress(self._members(ids, split), name):
            prediction, mask = read(image_id), self.truth.read(image_id)
            scores.add(prediction, mask, groups=groups)
            if confidence is not None:
                scores.add_confidence(prediction, confidence(image_id, prediction), mask)
        self._write(name, scores, split=split, num_images=len(ids), extra={"supervision": supervised_by})
        if confidence is not None:
            self._write_calibration(name, scores.calibration)

    def score_cams(self, folder: Path) -> None:
        """Score class activation maps at every threshold; the best one is an oracle's and marked as such."""
        ids = self._ids("train", "cam")
        cams, sweep = Maps(folder, self.index), ThresholdSweep(len(self.index.classes), round(1 / self.threshold_step))
        for image_id in _progress(ids, "cam"):
            scores = cams.scores(image_id)
            sweep.add(grids.read(scores.scores, scores.size), scores.classes, self.truth.read(image_id))
        thresholds, curve = sweep.curve() if ids else ((), ())
        best = int(np.nan_to_num(curve, nan=-1).argmax()) if ids else 0
        counted = self._label_scores(ids, "train")
        for image_id, groups in _progress(self._members(ids, "train"), "cam at its best threshold"):
            labels = thresholded(cams.scores(image_id), float(thresholds[best]))
            counted.add(labels, self.truth.read(image_id), groups=groups)
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
        for image_id in _progress(ids, name):
            add_saliency(total, maps.grey(image_id), self.truth.read(image_id))
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
        figures = agreement(stages, ids, num_classes=len(self.index.classes))
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

    def _label_scores(self, ids: Sequence[str], split: str) -> LabelScores:
        groups = {group for _, groups in self._members(ids, split) for group in groups}
        return LabelScores(len(self.index.classes), sorted(groups))

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


def add_saliency(total: SaliencyScores, saliency: np.ndarray, labels: np.ndarray) -> None:
    """Count an (H, W) map against the union of all classes of (H, W) labels; void pixels and masks are left out."""
    known = labels != IGNORE_INDEX
    if known.any():
        total.add(saliency, (labels != BACKGROUND) & known, valid=known)


def strongest(scores: Scores) -> np.ndarray:
    """(H, W) uint8: the class with the highest score of maps whose first is the background's."""
    return scores.classes[grids.read(scores.scores, scores.size).argmax(axis=0)].astype(np.uint8)


def thresholded(scores: Scores, threshold: float) -> np.ndarray:
    """(H, W) uint8: the class with the highest score above `threshold`, else background."""
    maps = grids.read(scores.scores, scores.size)
    constant = np.full((1, *scores.size), threshold, dtype=np.float32)
    return ids_of(scores.classes)[np.concatenate([constant, maps]).argmax(axis=0)]


def _progress(members: Sequence, name: str) -> Iterable:
    return tqdm(members, desc=f"evaluate {name}", unit="image")
