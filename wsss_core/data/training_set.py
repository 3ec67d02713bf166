"""Endless, seeded streams of training samples."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from wsss_core.data.index import Index
from wsss_core.voc import IGNORE_INDEX


class TrainingSet(Dataset):
    """Sample number p of an endless shuffled stream, the same for the same seed whoever asks for it.

    Item p is a dict: `id` str, `image` (3, crop, crop) float32 normalised, `tags` (C,) float32 0/1, `roi` (crop, crop)
    bool, False on padding, and, where `labels` is given, `labels` (crop, crop) int64 with IGNORE_INDEX on padding. Its
    image comes from permutation number p // n, and its augmentation is seeded by (seed, p): worker count and restarts
    change nothing.
    """

    def __init__(
        self,
        index: Index,
        ids: Sequence[str],
        augment: v2.Transform,
        *,
        seed: int,
        labels: Callable[[str], np.ndarray] | None = None,
    ) -> None:
        if not ids:
            raise ValueError("no images to train on; check dataset.train and the labels of the stage before")
        self.index, self.ids, self.augment, self.seed, self.labels = index, list(ids), augment, seed, labels

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> dict:
        image_id = self._id(position)
        image = tv_tensors.Image(torch.from_numpy(self.index.image(image_id).copy()).permute(2, 0, 1))
        tags = tag_vector(self.index, image_id)
        labels = np.zeros(image.shape[-2:], np.uint8) if self.labels is None else self.labels(image_id)
        mask = tv_tensors.Mask(torch.from_numpy(np.stack([labels, np.zeros_like(labels)])))
        with _seeded(self.seed, position):
            image, mask = self.augment(image, mask)
        labels, padding = self._plain(mask)
        item = {"id": image_id, "image": self._plain(image), "tags": tags, "roi": padding != IGNORE_INDEX}
        return item if self.labels is None else {**item, "labels": labels.long()}

    def _id(self, position: int) -> str:
        epoch, place = divmod(position, len(self.ids))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.ids))
        return self.ids[order[place]]

    @staticmethod
    def _plain(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.as_subclass(torch.Tensor)


class _seeded:
    """Seeds Python's and torch's generators inside the block, and puts them back as they were."""

    def __init__(self, *key: int) -> None:
        self.seed = int(np.random.SeedSequence(key).generate_state(1)[0])

    def __enter__(self) -> None:
        self.states = random.getstate(), torch.get_rng_state()
        random.seed(self.seed)
        torch.manual_seed(self.seed)

    def __exit__(self, *_) -> None:
        random.setstate(self.states[0])
        torch.set_rng_state(self.states[1])


def tag_vector(index: Index, image_id: str) -> torch.Tensor:
    """(C,) float32: 1 for each class that the image has."""
    tags = torch.zeros(len(index.classes))
    tags[[tag - 1 for tag in index[image_id].tags]] = 1
    return tags


def batches(
    samples: TrainingSet, *, batch: int, steps: int, workers: int, rank: int = 0, world: int = 1
) -> Callable[[int], Iterator[dict]]:
    """A function that yields the collated batches of steps k, k+1, ..., steps - 1, from any k.

    `batch` is the whole batch over all ranks; each rank gets every world-th sample of it.
    """
    if batch % world:
        raise ValueError(f"a batch of {batch} does not divide among {world} processes")

    def start(step: int) -> Iterator[dict]:
        """The batches from `step` on; an error of a loader process is told as if it had happened here."""
        plan = [list(range(k * batch + rank, (k + 1) * batch, world)) for k in range(step, steps)]
        loader = DataLoader(samples, batch_sampler=plan, num_workers=workers, pin_memory=torch.cuda.is_available(),
                            generator=torch.Generator())  # not torch's own: a resumed run would draw once more
        try:
            yield from loader
        except ValueError as error:
            raise ValueError(_without_traceback(str(error))) from error

    return start


def _without_traceback(message: str) -> str:
    """What was raised in a loader process; torch puts that process's whole traceback in front of it."""
    if not message.startswith("Caught "):
        return message
    return message.rstrip().rpartition("\n")[2].partition(": ")[2]
