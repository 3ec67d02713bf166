"""How well a classifier names the classes of images: average precision and F1, for which tags are truth enough."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

THRESHOLD = 0.5
"""Of the probability above which a class counts as found."""
COLUMNS = ("class", "images", "ap", "precision", "recall", "f1")


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """The mean, over the images that have the class, of the precision among all that score as high as they do.

    The area below precision over recall without interpolation. NaN where no image has the class.

    Args:
        scores: (N,) float, the higher the surer.
        positive: (N,) bool, whether the image has the class.
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], positive[order]
    last = np.searchsorted(-ranked, -ranked, side="right")  # how many score as high as each: equals count together
    precision = np.cumsum(right)[last - 1] / last
    return float(precision[right].mean())


class TagScores:
    """Probabilities and tags over a set of images.

    Args:
        num_classes: C, without the background.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        # An array for each image, kept among a network's large ones that are freed, would keep these holes open.
        self._probabilities, self._tags = array("d"), bytearray()

    def add(self, probabilities: np.ndarray, tags: Sequence[int]) -> None:
        """Take in an image: (C,) float in [0, 1], and the ids in 1..C that it is tagged with."""
        own = np.zeros(self.num_classes, dtype=bool)
        own[np.asarray(tags, dtype=int) - 1] = True
        self._probabilities.extend(probabilities.tolist())
        self._tags += own.tobytes()

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, C) float64 and bool."""
        probabilities, tags = np.array(self._probabilities), np.frombuffer(self._tags, dtype=bool)
        return probabilities.reshape(-1, self.num_classes), tags.reshape(-1, self.num_classes)

    def of_classes(self, names: Sequence[str]) -> list[tuple]:
        """A row of COLUMNS for each class; an undefined figure is an empty text."""
        probabilities, tags = self._arrays()
        found = probabilities > THRESHOLD
        rows = []
        for place, name in enumerate(names):
            true, told = tags[:, place], found[:, place]
            both = int((true & told).sum())
            figures = (
                average_precision(probabilities[:, place], true),
                _share(both, told.sum()),
                _share(both, true.sum()),
                _share(2 * both, true.sum() + told.sum()),
            )
            rows.append((name, int(true.sum()), *("" if np.isnan(figure) else figure for figure in figures)))
        return rows

    def figures(self) -> dict[str, float]:
        """`map` and `macro_f1`, means over the classes that an image is tagged with; `f1` of all decisions together."""
        probabilities, tags = self._arrays()
        found, occurs = probabilities > THRESHOLD, tags.any(axis=0)
        both, total = (found & tags).sum(axis=0), found.sum(axis=0) + tags.sum(axis=0)
        precisions = [average_precision(probabilities[:, place], tags[:, place]) for place in np.flatnonzero(occurs)]
        nothing = float("nan")
        return {
            "map": float(np.mean(precisions)) if precisions else nothing,
            "macro_f1": float(np.mean(2 * both[occurs] / total[occurs])) if precisions else nothing,
            "f1": _share(2 * both.sum(), total.sum()),
        }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
