"""Endless, seeded streams of training samples."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from wsss_core.data.index import Index
from wsss_core.runtime import interruption, shortage, worker
from wsss_core.voc import IGNORE_INDEX

logger = logging.getLogger(__name__)


class Shuffled(Dataset, ABC):
    """Sample number p of an endless shuffled stream, the same for the same seed whoever asks for it.

    The image of item p comes from permutation number p // n, and its augmentation is seeded by (seed, p): worker count
    and restarts change nothing. `sample(id)` makes an item, with random numbers of Python and torch. Two streams of one
    seed but of different numbers share neither order nor random numbers.
    """

    def __init__(self, ids: Sequence[str], *, seed: int, stream: int = 0) -> None:
        if not ids:
            raise ValueError("no images to train on; check dataset.train and the labels of the stage before")
        self.ids, self.seed, self.stream = list(ids), seed, stream

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> dict:
        epoch, place = divmod(position, len(self.ids))
        order = np.random.default_rng([self.seed, epoch, self.stream]).permutation(len(self.ids))
        # A signal waits: a checkpoint that it leads to holds the random state that `_seeded` puts back.
        with interruption.held_back(), _seeded(self.seed, position, self.stream):
            return self.sample(self.ids[order[place]])

    @abstractmethod
    def sample(self, image_id: str) -> dict:
        """The augmented item of an image."""


class TrainingSet(Shuffled):
    """The photographs of an index as crops.

    An item is a dict: `id` str, `image` (3, crop, crop) float32 normalised, `tags` (C,) float32 0/1, `roi` (crop, crop)
    bool, False on padding, and, where they are given, `labels` (crop, crop) int64 with IGNORE_INDEX on padding and
    `saliency` (crop, crop) float32 in [0, 1].

    Args:
        index, ids: the photographs.
        augment: of an image and its masks alike.
        seed: of order and augmentation.
        labels: labels(id), (H, W) uint8.
        saliency: saliency(id), (H, W) float in [0, 1]. DEVIATION: scaled as labels are, by the nearest pixel.
    """

    def __init__(
        self,
        index: Index,
        ids: Sequence[str],
        augment: v2.Transform,
        *,
        seed: int,
        labels: Callable[[str], np.ndarray] | None = None,
        saliency: Callable[[str], np.ndarray] | None = None,
    ) -> None:
        super().__init__(ids, seed=seed)
        self.index, self.augment = index, augment
        self.labels, self.saliency = labels, saliency

    def sample(self, image_id: str) -> dict:
        """The item of a photograph, as the class says."""
        planes = {}
        if self.labels:
            planes["labels"] = self.labels(image_id)
        if self.saliency:
            planes["saliency"] = np.round(self.saliency(image_id) * 255).astype(np.uint8)
        item = augmented(self.augment, self.index.image(image_id), planes)
        if self.labels:
            item["labels"] = item["labels"].long()
        if self.saliency:
            item["saliency"] = item["saliency"] / 255
        return {"id": image_id, "tags": tag_vector(self.index, image_id), **item}


class PairedSet(Dataset):
    """A stream beside another: items of both in one dict. Their keys differ; the first one's length counts."""

    def __init__(self, first: Shuffled, second: Shuffled) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, position: int) -> dict:
        return {**self.first[position], **self.second[position]}


Samples = Shuffled | PairedSet


def augmented(augment: v2.Transform, image: np.ndarray, planes: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """An image and its planes after the same random geometry.

    Args:
        augment: of torchvision's v2 kind.
        image: (H, W, 3) uint8.
        planes: (H, W) uint8 each; they are moved as masks, IGNORE_INDEX on padding.

    Returns:
        `image` (3, h, w) float32, `roi` (h, w) bool, False on padding, and each plane, (h, w) uint8.
    """
    picture = tv_tensors.Image(torch.from_numpy(image.copy()).permute(2, 0, 1))
    inside = np.zeros(image.shape[:2], np.uint8)
    mask = tv_tensors.Mask(torch.from_numpy(np.stack([inside, *planes.values()])))
    picture, mask = augment(picture, mask)
    padding, *moved = mask.as_subclass(torch.Tensor)
    return {
        "image": picture.as_subclass(torch.Tensor),
        "roi": padding != IGNORE_INDEX,
        **dict(zip(planes, moved, strict=True)),
    }


class _seeded:
    """Seeds Python's generator and torch's of the CPU inside the block, and puts them back as they were.

    A GPU's generator stays alone: samples draw nothing from it, and dropout must not depend on where they are made.
    """

    def __init__(self, *key: int) -> None:
        self.seed = int(np.random.SeedSequence(key).generate_state(1)[0])

    def __enter__(self) -> None:
        self.states = random.getstate(), torch.get_rng_state()
        random.seed(self.seed)
        torch.default_generator.manual_seed(self.seed)

    def __exit__(self, *_) -> None:
        random.setstate(self.states[0])
        torch.set_rng_state(self.states[1])


def require_labels(index: Index, read: Callable[[str], np.ndarray], *, source: Path) -> None:
    """Look at all label maps that a training is about to use; log what they cannot teach.

    Logged are how many have not one labelled pixel, and the classes whose tags occur but which label no pixel at all:
    where saliency and class maps must agree, saliency loses classes that it never sees.

    Raises:
        ValueError: no map has a labelled pixel.
    """
    ids, empty, counts = index.ids("train"), [], np.zeros(256, dtype=np.int64)
    for image_id in ids:
        labels = read(image_id)
        counts += np.bincount(labels.ravel(), minlength=256)
        if (labels == IGNORE_INDEX).all():
            empty.append(image_id)
    if len(empty) == len(ids):
        raise ValueError(
            f"not one pixel is labelled in {source}: every pixel of all {len(ids)} images is ignored; loosen the"
            " thresholds of the stage that made them"
        )
    if empty:
        logger.warning("%d of %d label maps in %s have no labelled pixel", len(empty), len(ids), source)
    tags = sorted({tag for image_id in ids for tag in index[image_id].tags})
    unseen = [index.classes[tag - 1] for tag in tags if not counts[tag]]
    if unseen:
        logger.warning("no pixel in %s is labelled %s, though tags name them", source, ", ".join(unseen))


def tag_vector(index: Index, image_id: str) -> torch.Tensor:
    """(C,) float32: 1 for each class that the image has."""
    tags = torch.zeros(len(index.classes))
    tags[[tag - 1 for tag in index[image_id].tags]] = 1
    return tags


def batches(
    samples: Samples, *, batch: int, steps: int, workers: int, rank: int = 0, world: int = 1, pinned: bool = False
) -> Callable[[int], Iterator[dict]]:
    """A function that yields the collated batches of steps k, k+1, ..., steps - 1, from any k.

    `batch` is the whole batch over all ranks; each rank gets every world-th sample of it. `pinned`: in memory that a
    GPU copies from by itself; it takes some of the GPU's, so that none is asked for where the CPU computes.
    """
    if batch % world:
        raise ValueError(f"a batch of {batch} does not divide among {world} processes")

    def start(step: int) -> Iterator[dict]:
        """The batches from `step` on; an error of a loader process is told as if it had happened here."""
        plan = [list(range(k * batch + rank, (k + 1) * batch, world)) for k in range(step, steps)]
        loader = DataLoader(samples, batch_sampler=plan, num_workers=workers, pin_memory=pinned,
                            generator=torch.Generator(),  # not torch's own: a resumed run would draw once more
                            worker_init_fn=_begin)
        started: list[BaseProcess] = []
        with shortage.eased_by(*[shortage.WORKERS] if workers else []):
            try:
                with worker.starting() as started:
                    loaded = iter(loader)
                yield from loaded
            except ValueError as error:
                raise ValueError(_without_traceback(str(error))) from error
            finally:
                worker.end(started)  # the loader asks them by SIGTERM, which they ignore, and goes on without them

    return start


def _begin(number: int) -> None:
    """What a loader process does first; torch numbers them."""
    worker.begin()


def _without_traceback(message: str) -> str:
    """What was raised in a loader process; torch puts that process's whole traceback in front of it."""
    if not message.startswith("Caught "):
        return message
    return message.rstrip().rpartition("\n")[2].partition(": ")[2]
