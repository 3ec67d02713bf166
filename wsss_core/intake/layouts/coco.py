"""COCO's JSON of images, annotations and categories, as COCO, Roboflow, CVAT and Label Studio write it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wsss_core.data.formats.coco import read_instances
from wsss_core.data.names import composed
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.survey import Survey
from wsss_core.problems import DatasetError, layout_error, named, printable

TITLE = "COCO JSON"
_LISTS = ("images", "annotations", "categories")


def recognise(survey: Survey) -> list[Clue]:
    """Each JSON with COCO's three lists; those of several splits together."""
    paths = [path for path in survey.documents(".json") if _is_coco(survey.json(path))]
    return [
        Clue(f"{', '.join(map(survey.below, group))} has images, annotations and categories", group)
        for group in survey.groups(paths)
    ]


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(content.get(name), list) for name in _LISTS)


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The categories of the annotations of each image. Images that the JSON names without any show none of them."""
    found, classes, used = Found({}), dict[str, None](), set[str]()
    for path in clue.documents:
        images, names, categories = _parts(survey.json(path), path)
        ids = survey.find(images.values(), near=path)
        found.left_out += survey.missing(images.values(), ids, path)
        classes |= dict.fromkeys(categories[number] for number in sorted(categories, key=_in_order))
        tags: dict[str, list[str]] = {ids[file]: [] for file in images.values() if file in ids}
        if strays := [number for number in names if number not in images]:
            found.left_out.append(f"Annotations of {len(strays)} images that {survey.below(path)} does not list:"
                                  f" {named([f'id {number}' for number in strays])}.")  # fmt: skip
        for number, of_image in names.items():
            used.update(of_image)
            if (file := images.get(number)) in ids:
                tags[ids[file]] += of_image
        found.entries |= {name: Entry(joined(own), survey.split(path)) for name, own in tags.items()}
    unused = [name for name in classes if name not in used]
    if unused:
        found.notes.append(f"{len(unused)} categories have no annotation and are no classes here: {named(unused)}.")
    found.classes = tuple(name for name in classes if name in used)
    _as_it_lies(survey, clue, found)
    return found


def _parts(content: dict, path: Path) -> tuple[dict[str, str], dict[str, list[str]], dict[str, str]]:
    """(number of an image -> file_name, -> the names of its annotations, number of a category -> name)."""
    try:
        images = _by_id(((image["id"], str(image["file_name"])) for image in content["images"]), path)
        categories = _by_id(((each["id"], composed(str(each["name"]))) for each in content["categories"]), path)
        names: dict[str, list[str]] = defaultdict(list)
        for annotation in content["annotations"]:
            number = str(annotation["category_id"])
            names[str(annotation["image_id"])].append(categories.get(number, f"category {number}"))
    except (KeyError, TypeError) as error:
        raise layout_error(path, f"an entry of it lacks {error} or is no object; export it anew") from None
    return images, names, categories


def _by_id(entries: Iterable[tuple[Any, str]], path: Path) -> dict[str, str]:
    """id -> name of images or categories, whose annotations would be mixed if two had one id."""
    names: dict[str, str] = {}
    for number, name in entries:
        if str(number) in names:
            both = f"{printable(names[str(number)])} and {printable(name)}"
            raise layout_error(path, f"{both} have the same id {number}; give each its own id, or export it anew")
        names[str(number)] = name
    return names


def _in_order(number: str) -> tuple[int, str]:
    return (int(number) if number.isdecimal() else 0, number)


def _as_it_lies(survey: Survey, clue: Clue, found: Found) -> None:
    """Have the project's own reader take the JSON, for its outlines, where it can."""
    usable = {}
    for path in clue.documents:
        try:
            instances = read_instances(path)
        except DatasetError as error:
            found.notes.append(f"Outlines of {survey.below(path)} cannot be used as masks: {error}")
            continue
        if any(item.get("segmentation") for items in instances.annotations.values() for item in items):
            usable[survey.split(path)] = path
    if len(usable) == 1:
        found.masks = next(iter(usable.values()))
    splits = {survey.split(path): survey.below(path) for path in clue.documents}
    held_out = splits.get("val", splits.get("test"))
    if "train" in splits and held_out:
        found.own = {"format": "coco", "train": splits["train"], "val": held_out, "classes": list(found.classes or ())}
