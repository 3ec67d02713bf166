"""Whether true masks and image-level tags tell of the same objects: one rule over a whole data set.

A mask whose ids are shifted, swapped or all 255 is a legal mask, and what is measured against it is a figure. Only the
tags, which were made apart from it, can tell. Single images differ in any real set (small objects are tagged and not
drawn, or the other way round), so nothing is said of them; see `contradicts` for when something is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from wsss_core.problems import Problem, named
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

HONEST = 0.1
"""Share of the cases in which tags and masks of a careless but honest set differ."""

CHANCE = 0.05
"""Share of such sets of which something may be said all the same."""

_MANY = 50  # cases of which more than half differ by chance in less than one set of 10^10
_MOVES_SHOWN = 5
_SHOWN = 20  # classes that a message spells out for the parameters


@dataclass(frozen=True)
class Seen:
    """What the tags and the true mask of one image say.

    Attributes:
        tags: class ids in 1..C.
        values: what of 0..C the mask holds, the background included.
        ignored: share of its pixels that are IGNORE_INDEX, in [0, 1].
    """

    tags: frozenset[int]
    values: frozenset[int]
    ignored: float

    @property
    def classes(self) -> frozenset[int]:
        """Class ids in 1..C of which the mask holds a pixel."""
        return self.values - {BACKGROUND}


def seen(labels: np.ndarray, tags: Iterable[int]) -> Seen:
    """What an (H, W) uint8 mask of 0..C and IGNORE_INDEX shows of an image with these tags."""
    counts = np.bincount(labels.ravel(), minlength=IGNORE_INDEX + 1)
    values = frozenset(np.flatnonzero(counts[:IGNORE_INDEX]).tolist())
    return Seen(frozenset(tags), values, float(counts[IGNORE_INDEX] / labels.size))


def contradicts(differing: int, of: int, *, questions: int) -> bool:
    """Whether masks and tags contradict each other, rather than differ here and there as in any honest set.

    They do when they differ more often than they agree, so that a mask says less of the tags than a coin would, and
    when that is no chance: in a set in which HONEST of the cases differ, no more than CHANCE of all questions asked
    would find as many. So both of two cases are enough to tell among a class or two, three of three among fifty.

    Args:
        differing: images in which only one of mask and tags names a class.
        of: images in which either does.
        questions: of this kind that are asked of the set.
    """
    if 2 * differing <= of:
        return False
    if of > _MANY:
        return True
    by_chance = sum(comb(of, k) * HONEST**k * (1 - HONEST) ** (of - k) for k in range(differing, of + 1))
    return by_chance <= CHANCE / questions


def disagreements(splits: Mapping[str, Mapping[str, Seen]], classes: Sequence[str]) -> list[Problem]:
    """What is wrong with the true masks of a data set, as far as its tags can tell.

    Args:
        splits: split -> image id -> what is seen of it; images without a mask are left out.
        classes: name of class id i + 1 at place i.

    Returns:
        An error where no mask of a split shows an object: no figure can be had from it. Warnings where ids look moved
        (which, and to what), where a class is regularly tagged and not drawn or drawn and not tagged, and where 255,
        which is ignored, seems to mean the background.
    """
    empty = [split for split, images in splits.items() if images and not any(map(_shows_objects, images.values()))]
    problems = [_without_objects({split: splits[split].values() for split in empty}, classes)] if empty else []
    rest = [of_split for split, of_split in splits.items() if split not in empty]
    images = {name: image for of_split in rest for name, image in of_split.items()}
    if images:
        problems += _ignored_background(images.values())
        problems += _Ids(images, classes).problems()
    return problems


def _shows_objects(image: Seen) -> bool:
    return bool(image.classes)


def _without_objects(splits: Mapping[str, Collection[Seen]], classes: Sequence[str]) -> Problem:
    images = [image for of_split in splits.values() for image in of_split]
    values = {BACKGROUND} if any(image.values for image in images) else set()
    values |= {IGNORE_INDEX} if any(image.ignored for image in images) else set()
    meanings = {BACKGROUND: f"{BACKGROUND} (background)", IGNORE_INDEX: f"{IGNORE_INDEX} (ignored)"}
    held = " and ".join(meanings[value] for value in sorted(values))
    message = (
        f"no true mask of the {' and '.join(splits)} images holds a pixel of a class, only {held}, so that no figure"
        f" would mean anything; save objects by the ids of their classes ({_legend(classes)}), set dataset.masks to the"
        " right folder, or take the masks away"
    )
    return Problem("masks without objects", next(iter(splits)), message)


def _legend(classes: Sequence[str]) -> str:
    pairs = [f"{number} = {name}" for number, name in enumerate(classes, start=1)]
    return ", ".join(pairs[:3]) + (", ..." if len(pairs) > 3 else "")


def _ignored_background(images: Collection[Seen]) -> list[Problem]:
    shares = [image.ignored for image in images]
    with_background = sum(BACKGROUND in image.values for image in images)
    if 2 * sum(shares) <= len(shares) or 2 * with_background >= len(shares):
        return []
    message = (
        f"{IGNORE_INDEX} covers {100 * sum(shares) / len(shares):.0f} % of the true masks, and {with_background} of"
        f" {len(shares)} hold {BACKGROUND} (background): figures leave pixels of {IGNORE_INDEX} out; if it stands for"
        f" the background, save it as {BACKGROUND}"
    )
    return [Problem("background ignored", str(IGNORE_INDEX), message, "warning")]


class _Ids:
    """The class ids of tags and masks, and the images in which each occurs."""

    def __init__(self, images: Mapping[str, Seen], classes: Sequence[str]) -> None:
        self._images, self._classes = images, classes
        ids = range(1, len(classes) + 1)
        self._tagged = {label: {name for name, image in images.items() if label in image.tags} for label in ids}
        self._drawn = {label: {name for name, image in images.items() if label in image.values} for label in ids}

    def problems(self) -> list[Problem]:
        """Ids that seem moved, then classes about which masks and tags contradict each other all the same."""
        doubtful = self._doubtful()
        moves = self._moves(doubtful)
        found = [self._moved(moves)] if moves else []
        return found + [self._contradiction(label) for label in doubtful if label not in {*moves, *moves.values()}]

    def _cases(self, drawn: int, tagged: int) -> tuple[int, int]:
        """(images that have one of mask id and tag, images that have either)."""
        return len(self._drawn[drawn] ^ self._tagged[tagged]), len(self._drawn[drawn] | self._tagged[tagged])

    def _doubtful(self) -> list[int]:
        """The classes about which masks and tags contradict each other; in a small set it may take all to tell."""
        cases = {label: self._cases(label, label) for label in self._tagged}
        differing, of = map(sum, zip(*cases.values(), strict=True))
        questions = 1 + len(cases)
        if contradicts(differing, of, questions=questions):
            return [label for label, (differing, of) in cases.items() if 2 * differing > of]
        return [label for label, case in cases.items() if contradicts(*case, questions=questions)]

    def _moves(self, doubtful: Sequence[int]) -> dict[int, int]:
        """Mask id -> the class whose tags it follows; empty unless this leaves no contradiction among the drawn ids."""
        likely = []
        for drawn in doubtful:
            for tagged in doubtful:
                differing, of = self._cases(drawn, tagged)
                if of and 2 * differing <= of:
                    likely.append((differing / of, drawn, tagged))
        moves: dict[int, int] = {}
        for _, drawn, tagged in sorted(likely):
            if drawn not in moves and tagged not in moves.values():
                moves[drawn] = tagged
        staying = [label for label in doubtful if self._drawn[label] and label not in moves]
        cases = [self._cases(*move) for move in [*moves.items(), *zip(staying, staying, strict=True)]]
        differing, of = map(sum, zip(*cases, strict=True)) if cases else (0, 0)
        return {} if 2 * differing > of else moves

    def _moved(self, moves: Mapping[int, int]) -> Problem:
        name = {label: self._classes[label - 1] for label in self._tagged}
        shown = [f"{drawn} ({name[drawn]}) lies where the tags say {name[moves[drawn]]}" for drawn in sorted(moves)]
        more = f" and {len(shown) - _MOVES_SHOWN} more ids" if len(shown) > _MOVES_SHOWN else ""
        order = [name[moves.get(label, label)] for label in name]
        remedy = f"save the masks by the ids of the classes ({_legend(self._classes)})"
        if all(tagged == drawn + 1 for drawn, tagged in moves.items()):
            question = f"do the ids start at 0? That is the background; {remedy}"
        elif set(moves) != set(moves.values()) or len(order) > _SHOWN:
            question = f"were they made for another list of classes? If so, {remedy}"
        else:
            what = "are the ids swapped" if len(moves) == 2 else "were they made under another order of the classes"
            question = f"{what}? If so, set dataset.classes to [{', '.join(order)}], or {remedy}"
        message = f"in the true masks id {', '.join(shown[:_MOVES_SHOWN])}{more}: {question}"
        return Problem("mask ids moved", "masks", message, "warning")

    def _contradiction(self, label: int) -> Problem:
        tagged, drawn = self._tagged[label], self._drawn[label]
        missing, surplus = sorted(tagged - drawn), sorted(drawn - tagged)
        parts = []
        if missing:
            parts.append(f"{len(missing)} of {len(tagged)} images with the tag have no pixel of it ({named(missing)})")
        if surplus:
            parts.append(f"{len(surplus)} of {len(drawn)} with such pixels lack the tag ({named(surplus)})")
        remedy = "correct the masks, or the tags where they are wrong"
        if missing and not drawn and all(self._images[name].ignored for name in missing):
            remedy = f"{IGNORE_INDEX} means ignored: save the class as {label}"
        name = self._classes[label - 1]
        message = f"true masks and tags contradict each other about {name!r}: {' and '.join(parts)}; {remedy}"
        return Problem("masks against tags", name, message, "warning")
