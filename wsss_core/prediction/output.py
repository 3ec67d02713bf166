"""The folder that predictions go to: what is written for a picture, and what must not be written over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsss_core import artifacts
from wsss_core.artifacts import ArtifactError, Scores
from wsss_core.cli.outputs import is_label_map, refuse_input
from wsss_core.exchange.label_sets import LEGEND
from wsss_core.prediction import overlay
from wsss_core.prediction.record import FILE, is_record
from wsss_core.prediction.sources import may_hold_several, whole_name
from wsss_core.problems import named

OVERLAYS = "overlays"
OWN = (LEGEND, FILE)
"""Names of files that lie beside the results."""

_REMEDY = "choose another --out"


@dataclass(frozen=True)
class Output:
    """A folder of predictions.

    Attributes:
        folder: it.
        with_overlays, with_scores: what is written beside label maps: `overlays/<name>.jpg`, `<name>.npz`.
    """

    folder: Path
    with_overlays: bool = False
    with_scores: bool = False

    def has(self, name: str) -> bool:
        """Whether all results of a picture are there."""
        return all(path.is_file() for path in self._kinds(name))

    def write(
        self, name: str, image: np.ndarray, labels: np.ndarray, scores: Scores | None, *, keep: bool
    ) -> None:
        """Write a picture's results, each whole or not at all, the label map last.

        `keep` writes what is not there yet: what is may have been corrected by hand.
        """
        missing = {path for path in self._kinds(name) if not (keep and path.is_file())}
        if scores is not None and artifacts.scores_path(self.folder, name) in missing:
            artifacts.write_scores(self.folder, name, scores)
        if self._overlay(name) in missing:
            overlay.write(self._overlay(name), image, labels)
        if artifacts.png_path(self.folder, name) in missing:
            artifacts.write_labels(self.folder, name, labels)

    def refuse_to_replace(self, files: Mapping[str, Path]) -> None:
        """Nothing is written over but what this command wrote.

        Raises:
            ValueError: a result would replace a photograph that is read, or what may be somebody's work.
        """
        targets = {target: file for name, file in files.items() for target in self._kinds(name)}
        there = [target for target in targets if target.exists()] + self._frames(files)
        is_ours: dict[str, tuple[Callable[[Path], bool], str]] = {
            ".png": (is_label_map, "label map"), ".npz": (_is_scores, "file of probabilities"),
            ".jpg": (overlay.is_overlay, "overlay"),
        }  # fmt: skip
        for target in there:
            is_one, kind = is_ours[target.suffix]
            if not is_one(target):
                raise ValueError(f"{target} is no {kind}, and one would replace it; {_REMEDY}")
        for target, file in targets.items():
            refuse_input(target, [file], remedy=_REMEDY)
        legend, record = self.folder / LEGEND, self.folder / FILE
        for path, is_one in ((legend, _is_legend), (record, is_record)):
            if path.exists() and not is_one(path):
                raise ValueError(f"{path} is none that this command wrote, and would be replaced; {_REMEDY}")
        if there and not legend.exists():
            raise ValueError(
                f"{len(there)} label maps would be replaced ({named([str(path) for path in there])}), and"
                f" {self.folder} holds no {LEGEND} to tell that this command wrote them; {_REMEDY}"
            )

    def write_legend(self, names: Sequence[str]) -> None:
        """A line for each label: its number and its name.

        Raises:
            ValueError: there is one that names others, so that label maps that lie there would change their meaning.
        """
        path, text = self.folder / LEGEND, "".join(f"{label} {name}\n" for label, name in enumerate(names))
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise ValueError(f"{path} is of a network with other classes, whose label maps lie there; {_REMEDY}")
        artifacts.write_text(path, text)

    def _overlay(self, name: str) -> Path:
        return self.folder / OVERLAYS / f"{name}.jpg"

    def _places(self) -> list[tuple[Path, str]]:
        """The folder and the suffix of each kind of result."""
        places = [(self.folder, ".png")]
        places += [(self.folder, ".npz")] if self.with_scores else []
        return [*places, (self.folder / OVERLAYS, ".jpg")] if self.with_overlays else places

    def _kinds(self, name: str) -> list[Path]:
        """The files of a picture's results."""
        return [folder / f"{name}{suffix}" for folder, suffix in self._places()]

    def _frames(self, files: Mapping[str, Path]) -> list[Path]:
        """What lies where results of frames and pages go, of which nobody knows yet how many there are."""
        several = {name for name, file in files.items() if may_hold_several(file)}
        return [
            path
            for folder, suffix in (self._places() if several else ())
            for path in sorted(folder.rglob(f"*{suffix}"))
            if whole_name(path.relative_to(folder).with_suffix("").as_posix()) in several
        ]


def _is_legend(path: Path) -> bool:
    """Whether a file is a legend as this command writes it; the lists of others hold no numbers, nor the background."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return lines[:1] == ["0 background"] and all(line.startswith(f"{k} ") for k, line in enumerate(lines))


def _is_scores(path: Path) -> bool:
    try:
        artifacts.read_scores(path.parent, path.stem)
    except ArtifactError:
        return False
    return True
