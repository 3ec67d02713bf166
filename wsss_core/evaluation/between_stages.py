"""How much the label maps of successive stages agree; needs no masks.

Where two stages agree nearly everywhere, the later one changes little; where the agreement is low, one of them is
wrong in many places. It tells where to look, and not which of both is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from wsss_core.evaluation.confusion import Confusion
from wsss_core.evaluation.counting import Read, counts
from wsss_core.voc import IGNORE_INDEX


def agreement(
    stages: Mapping[str, Read], ids: Sequence[str], *, num_classes: int, workers: int = 0
) -> dict[str, dict[str, float]]:
    """Figures of label maps and of each two that follow each other, over the images.

    Args:
        stages: name -> read(image id), an (H, W) uint8 label map, in the order of the stages.
        ids: of the images.
        num_classes: C, without the background.
        workers: processes that count.

    Returns:
        `labelled`: stage -> share of all pixels that are not IGNORE_INDEX; on those that both label,
        `agreement`: "earlier to later" -> share of equal labels, and `mutual_miou`: likewise, mean IoU of both maps.
    """
    total = _Agreement.none(list(stages), num_classes)
    count = partial(_of_image, stages=stages, num_classes=num_classes)
    for _, one in counts(count, ids, name="agreement of stages", workers=workers):
        total.merge(one)
    labelled, counted, pixels = total.labelled, total.counted, total.pixels
    return {
        "labelled": {name: count / pixels for name, count in labelled.items()},
        "agreement": _known({f"{a} to {b}": one.accuracy_labelled() for (a, b), one in counted.items()}),
        "mutual_miou": _known({f"{a} to {b}": one.miou_labelled() for (a, b), one in counted.items()}),
    }


def _known(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if np.isfinite(value)}


@dataclass
class _Agreement:
    """Counts over images.

    Attributes:
        pixels: of the images.
        labelled: stage -> those that it labels.
        counted: (earlier, later) -> the later labels against the earlier ones.
    """

    pixels: int
    labelled: dict[str, int]
    counted: dict[tuple[str, str], Confusion]

    @classmethod
    def none(cls, names: Sequence[str], num_classes: int) -> _Agreement:
        return cls(0, dict.fromkeys(names, 0), {pair: Confusion(num_classes) for pair in pairwise(names)})

    def merge(self, other: _Agreement) -> None:
        self.pixels += other.pixels
        for name, count in other.labelled.items():
            self.labelled[name] += count
        for pair, confusion in other.counted.items():
            self.counted[pair].matrix += confusion.matrix


def _of_image(image_id: str, *, stages: Mapping[str, Read], num_classes: int) -> _Agreement:
    one = _Agreement.none(list(stages), num_classes)
    maps = {name: read(image_id) for name, read in stages.items()}
    one.pixels = next(iter(maps.values())).size
    one.labelled = {name: int((labels != IGNORE_INDEX).sum()) for name, labels in maps.items()}
    for (earlier, later), confusion in one.counted.items():
        confusion.add(maps[later], maps[earlier])
    return one
