"""How much the label maps of successive stages agree; needs no masks.

Where two stages agree nearly everywhere, the later one changes little; where the agreement is low, one of them is
wrong in many places. It tells where to look, and not which of both is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from wsss_core.evaluation.confusion import Confusion
from wsss_core.voc import IGNORE_INDEX

Read = Callable[[str], np.ndarray]


def agreement(stages: Mapping[str, Read], ids: Sequence[str], *, num_classes: int) -> dict[str, dict[str, float]]:
    """Figures of label maps and of each two that follow each other, over the images.

    Args:
        stages: name -> read(image id), an (H, W) uint8 label map, in the order of the stages.
        ids: of the images.
        num_classes: C, without the background.

    Returns:
        `labelled`: stage -> share of all pixels that are not IGNORE_INDEX; on those that both label,
        `agreement`: "earlier to later" -> share of equal labels, and `mutual_miou`: likewise, mean IoU of both maps.
    """
    names = list(stages)
    pairs = list(pairwise(names))
    counted = {pair: Confusion(num_classes) for pair in pairs}
    labelled, pixels = dict.fromkeys(names, 0), 0
    for image_id in tqdm(ids, desc="agreement of stages", unit="image"):
        maps = {name: read(image_id) for name, read in stages.items()}
        pixels += maps[names[0]].size
        for name, labels in maps.items():
            labelled[name] += int((labels != IGNORE_INDEX).sum())
        for earlier, later in pairs:
            counted[earlier, later].add(maps[later], maps[earlier])
    return {
        "labelled": {name: count / pixels for name, count in labelled.items()},
        "agreement": _known({f"{a} to {b}": one.accuracy_labelled() for (a, b), one in counted.items()}),
        "mutual_miou": _known({f"{a} to {b}": one.miou_labelled() for (a, b), one in counted.items()}),
    }


def _known(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if np.isfinite(value)}
