"""Class lists that are legal but hardly meant: what annotation tools, spreadsheets and typing errors leave in them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from wsss_core.data.contents import Contents
from wsss_core.data.source import Source
from wsss_core.problems import Problem, named

_SHOWN = 20  # classes that a message spells out for the parameters

NEARLY_ALL = 0.95
"""The share of training images above which a class leaves too few without it to learn where it is."""

NO_OBJECT = {
    "background", "bg", "backgroundclass", "ignore", "ignored", "ignoreregion", "unlabeled", "unlabelled", "unlabel",
    "void", "unannotated", "dontcare",
}  # fmt: skip
NO_VALUE = {"", "none", "nan", "na", "nat", "null", "nil", "empty", "nothing", "nolabel", "notag"}
_BRACKETS = re.compile(r"""[\[\]{}"]|^['`(]""")
_BETWEEN_TAGS = re.compile(r"[;|\t]")  # in no name of anything
_WITHIN_NAMES_TOO = (re.compile(r"\s*[,/+&]\s*"), re.compile(r"\s+"), re.compile(r"[_.:-]+"))
# Letters of other alphabets that look like ours once they are small.
_LOOK_ALIKES = str.maketrans("авекмнорстухіјѕһԁԛԝαοινρτυκχ", "abekmhopctyxijshdqwaoivptukx")


def class_problems(contents: Contents, source: Source) -> Iterator[Problem]:
    """What is doubtful in a class list, each with the way out; an error where no training image has a tag at all."""
    train = set(contents.splits["train"])
    tags = [set(contents.tags.get(name, ())) for name in sorted(train)]
    if train and not any(tags):
        message = f"no training image of {source.root} has a tag, so there is nothing to learn; add the tags"
        yield Problem("no tags", str(source.root), message)
        return
    names = contents.classes
    yield from _no_objects(names, source)
    yield from _several_in_one(names, chosen=source.classes is not None)
    yield from _alike(names)
    images_with = Counter(tag for of_image in tags for tag in of_image)
    if train:
        yield from _never(names, images_with, contents.parents, source)
        yield from _always(names, images_with, len(train))


def _no_objects(names: Iterable[str], source: Source) -> Iterator[Problem]:
    """Classes by whose name nothing is meant that can be seen."""
    kinds = {
        "class for the background": (
            NO_OBJECT,
            "sounds like background or ignored pixels; it would be learnt as one more class, while label"
            " 0 is the background and 255 what is ignored",
        ),
        "class for no value": (
            NO_VALUE,
            "looks like a missing value; it would be learnt as one more class, while an image without objects has an"
            " empty list of tags",
        ),
    }
    for kind, (words, reason) in kinds.items():
        for name in names:
            if re.sub(r"[\W_]+", "", _folded(name)) in words:
                yield Problem(kind, name, f"class {name!r} {reason}; {_without(source)}", "warning")


def _without(source: Source) -> str:
    """How a class is got rid of."""
    if source.format == "coco":
        return "set dataset.classes to the names of the others"
    if source.classes is not None:
        return "take it out of dataset.classes and of the tags"
    return "take it out of the tags" + ("" if source.format == "folder" else " and of the class list")


def _several_in_one(names: tuple[str, ...], *, chosen: bool) -> Iterator[Problem]:
    """Names that are several names in one.

    Args:
        names: of the classes.
        chosen: somebody wrote the list down; else it was gathered from the tags, and a name of which one part is a
            tag too is more likely two tags than one ("traffic light" beside "traffic").
    """
    written = [name for name in names if _BRACKETS.search(name)]
    if written:
        remedy = "write the tags without brackets and quotes, with ';' between them"
        message = f"the names {named(list(map(repr, written)))} hold the brackets or quotes of a list; {remedy}"
        yield Problem("list as class", written[0], message, "warning")
    for name in names:
        parts = _parts(name, set(names) - {name}, chosen=chosen) if name not in written else []
        if parts:
            shown = " and ".join(map(repr, parts))
            message = f"class {name!r} looks like the classes {shown} in one; put ';' between tags"
            yield Problem("several classes in one", name, message, "warning")


def _parts(name: str, others: set[str], *, chosen: bool) -> list[str]:
    """The classes of which a name seems to be made up; empty where it seems to be one name."""
    parts = [part.strip() for part in _BETWEEN_TAGS.split(name) if part.strip()]
    if len(parts) > 1:
        return parts
    for place, sign in enumerate(_WITHIN_NAMES_TOO):
        parts = [part for part in sign.split(name) if part]
        known = sum(part in others for part in parts)
        if len(parts) > 1 and (known == len(parts) or (known and not chosen and place < 2)):
            return parts
    return []


def _alike(names: tuple[str, ...]) -> Iterator[Problem]:
    """Names that differ in what is easily overlooked: case, blanks, signs between words, letters that look the same."""
    groups = defaultdict(list)
    for name in names:
        groups[re.sub(r"[\s_-]+", "", _folded(name))].append(name)
    for alike in groups.values():
        if len(alike) > 1:
            is_case = len({name.casefold() for name in alike}) == 1
            shown = " and ".join(map(repr if is_case else ascii, alike))  # \u0441at: a letter of another alphabet
            message = f"the classes {shown} look like one; write one name for all of them"
            yield Problem("classes alike", alike[0], message, "warning")


def _folded(name: str) -> str:
    """The name without case, without characters that are not seen, in Latin letters where they look so."""
    seen = (sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return "".join(seen).casefold().translate(_LOOK_ALIKES)


def _never(names: tuple[str, ...], images_with: Counter, parents: frozenset[str], source: Source) -> Iterator[Problem]:
    """One warning for all classes that no training image bears, and one for those that are but headings of others."""
    unseen = [name for name in names if not images_with[name]]
    headings = [name for name in unseen if name in parents]
    others = [name for name in unseen if name not in parents]
    if headings:
        rest = [name for name in names if name not in headings]
        way_out = f"set dataset.classes to [{', '.join(rest)}]" if len(rest) <= _SHOWN else _without(source)
        shown = named(list(map(repr, headings)))
        message = f"{shown} is the heading of other categories and no image's tag (Roboflow writes one); {way_out}"
        yield Problem("parent category", headings[0], message, "warning")
    if others:
        which = f"{len(others)} of {len(names)} classes are the tag of no training image"
        message = (
            f"{which} ({named(others)}), so nothing teaches them; tag images, or leave them out of dataset.classes"
            " unless true masks count on their ids"
        )
        yield Problem("class without images", others[0], message, "warning")


def _always(names: tuple[str, ...], images_with: Counter, num_images: int) -> Iterator[Problem]:
    for name in names:
        if images_with[name] > NEARLY_ALL * num_images:
            message = (
                f"class {name!r} is a tag of {images_with[name]} of {num_images} training images: only images without a"
                " class teach where it is; add such images"
            )
            yield Problem("class in every image", name, message, "warning")
