"""What a graph will cost on a whole data set, from what it costs on two samples of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from wsss_core.data.index import Index, spread
from wsss_core.trials.steps import Cost


def sample(index: Index, count: int) -> Index:
    """The index of `count` training photographs, and of as large a share of the others.

    Chosen by size: in even distances from the smallest to the largest, so that they have the set's pixels on average.
    """
    share = count / len(index.splits["train"])
    splits = {
        name: tuple(sorted(spread(_by_size(index, ids), max(round(share * len(ids)), min(len(ids), 1)))))
        for name, ids in index.splits.items()
    }
    kept = {image_id: index.records[image_id] for ids in splits.values() for image_id in ids}
    return dataclasses.replace(index, splits=splits, records=kept)


def _by_size(index: Index, ids: tuple[str, ...]) -> list[str]:
    return sorted(ids, key=lambda image_id: (index.size(image_id)[0] * index.size(image_id)[1], image_id))


_TELLING = 0.1
"""Of a step's time: about what one run of it differs from the next."""


@dataclass(frozen=True)
class Growth:
    """What a step cost on two samples.

    Attributes:
        small, large: their training photographs, small < large.
        first, second: what it cost on them.
    """

    small: int
    first: Cost
    large: int
    second: Cost

    @property
    def tells_time(self) -> bool:
        """Whether the larger sample took clearly longer: else what an image takes is lost in what a start takes."""
        return self.second.seconds - self.first.seconds >= _TELLING * self.first.seconds

    def at(self, images: int) -> Cost:
        """The cost with so many training photographs: on the line through both.

        Time and disk grow with the images: a training is so many epochs long, every other step makes something of each
        image. Memory does not: it is the larger of both.

        >>> Growth(10, Cost(5.0, 300, 20), 20, Cost(6.0, 310, 40)).at(100)
        Cost(seconds=14.0, memory=310, disk=200)
        """
        beyond = (images - self.large) / (self.large - self.small)
        seconds = self.second.seconds + beyond * max(self.second.seconds - self.first.seconds, 0.0)
        disk = self.second.disk + beyond * max(self.second.disk - self.first.disk, 0)
        return Cost(max(seconds, 0.0), max(self.first.memory, self.second.memory), round(max(disk, 0.0)))
