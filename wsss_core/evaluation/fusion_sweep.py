"""Which parameters of the soft fusion suit a few true masks best: every pair of a grid, before the CRF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from tqdm import tqdm

from wsss_core.data.index import spread
from wsss_core.data.maps import Maps
from wsss_core.data.masks import Masks
from wsss_core.evaluation.bootstrap import gain_interval, mean_ious
from wsss_core.evaluation.confusion import Confusion
from wsss_core.ops import fusion

EXPONENTS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
WEIGHTS = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
MOST_IMAGES = 100
"""More tell little more, and take longer."""

Pair = tuple[float, float]
"""background_exponent and saliency_weight."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        num_images: with a mask, on which it rests.
        miou: of each pair, in [0, 1].
        now, best: the pair that is set, and the one of the highest mIoU; the former where none is better.
        gain: (low, high) of what the best gains over `now`, in 95 % of sets of as many images; NaN for one image.
    """

    num_images: int
    miou: dict[Pair, float]
    now: Pair
    best: Pair
    gain: tuple[float, float]

    @property
    def is_chance(self) -> bool:
        """Whether the gain may be one of these images alone."""
        return not self.gain[0] > 0


def sweep(
    ids: Sequence[str], truth: Masks, walks: Maps, saliency: Maps, *, norm: str, now: Pair, saliency_exponent: float,
    multi: str,
) -> Sweep:  # fmt: skip
    """Fuse the images that have a mask with every pair.

    Args:
        ids: images of the training split; at most MOST_IMAGES with a mask are used, spread over all.
        truth, walks, saliency: masks, and the maps that fusion reads.
        norm, saliency_exponent, multi: of `fuse`, which stay as they are.
        now: the pair that is set; it is tried too.

    Raises:
        ValueError: no image has a mask.
    """
    masked = spread([name for name in ids if truth.available(name)], MOST_IMAGES)
    if not masked:
        raise ValueError(
            "no training image has a mask, so nothing can be chosen by masks; put some beside the photographs"
            " (dataset.masks), or keep the parameters"
        )
    pairs = sorted({*product(EXPONENTS, WEIGHTS), now})
    counts: dict[Pair, list[np.ndarray]] = {pair: [] for pair in pairs}
    for name in tqdm(masked, desc="fuse", unit="image"):
        walk, salient, mask = walks.scores(name), saliency.grey(name), truth.read(name)
        maps, classes = fusion.foreground(walk, norm=norm), walk.classes[1:]
        for exponent, weight in pairs:
            label = fusion.fuse(
                maps, classes, salient, rule="soft", background_exponent=exponent, saliency_weight=weight,
                saliency_exponent=saliency_exponent, multi=multi,
            ).label  # fmt: skip
            counted = Confusion(len(walks.index.classes))
            counted.add(label, mask)
            counts[exponent, weight].append(counted.by_label().astype(np.int32))
    stacked = {pair: np.stack(of_images) for pair, of_images in counts.items()}
    mious = mean_ious(np.stack([of_pair.sum(axis=0) for of_pair in stacked.values()]))
    miou = dict(zip(stacked, mious.tolist(), strict=True))
    best = max(pairs, key=lambda pair: (miou[pair], pair == now))
    return Sweep(len(masked), miou, now, best, gain_interval(stacked[best], stacked[now]))
