"""Reader of COCO's instances JSON: tags are the categories of an image's annotations."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from wsss_core.data.contents import Contents
from wsss_core.data.fields import Key, Side, Text, Whole
from wsss_core.data.image_folder import list_images
from wsss_core.data.names import HERE, Sought, as_id, composed, guesses
from wsss_core.data.source import Source
from wsss_core.data.tables import read_text, repeated_entries
from wsss_core.problems import Problem, layout_error, named, suggestion


class _Image(TypedDict):
    id: Key
    file_name: Text
    height: Side
    width: Side


class _Annotation(TypedDict):
    id: NotRequired[Any]  # for messages
    image_id: Key
    category_id: Whole
    segmentation: NotRequired[Any]  # looked at by `coco_masks`, when it is drawn
    iscrowd: NotRequired[Whole | None]


class _Category(TypedDict):
    id: Whole
    name: Text
    supercategory: NotRequired[Any]


_LISTS: dict[str, TypeAdapter] = {
    "images": TypeAdapter(list[_Image]),
    "annotations": TypeAdapter(list[_Annotation]),
    "categories": TypeAdapter(list[_Category]),
}
"""What is read of the file's lists."""
_FIRST_FIELDS = {"images": "id", "annotations": "image_id", "categories": "id"}
_TEXTS = ("file_name", "name")


@dataclass(frozen=True)
class Instances:
    """One instances JSON.

    Attributes:
        path: the file.
        files: image id -> `file_name`; the id is that without suffix, COCO's number is not used further.
        sizes: image id -> (H, W) as the file says.
        categories: COCO's category number -> name, ascending; numbers may have gaps.
        annotations: image id -> its annotations, of which `segmentation` is as it stands in the file.
        parents: the categories that others name as their `supercategory`.
        problems: what is to be said of its entries.
    """

    path: Path
    files: dict[str, str]
    sizes: dict[str, tuple[int, int]]
    categories: dict[int, str]
    annotations: dict[str, list[dict]]
    parents: frozenset[str]
    problems: tuple[Problem, ...]


def read_instances(path: Path) -> Instances:
    """Read an instances JSON.

    Raises:
        DatasetError: the file is missing, is no JSON, or lacks what an instances file has.
    """
    images, objects, categories = _read_lists(path)
    _check_names(path, "images", images)
    _check_names(path, "categories", categories)
    numbers = {image["id"]: as_id(image["file_name"]) for image in images}
    repeated = _repeated_images(path, images)
    annotations = defaultdict(list)
    for place, annotation in enumerate(objects):
        if annotation["image_id"] not in numbers:
            fault = f"{_shown('annotations', place, annotation)} is of image {annotation['image_id']}"
            raise layout_error(path, f"{fault}, which is not among the images; add the image or drop the annotation")
        annotations[numbers[annotation["image_id"]]].append(annotation)
    return Instances(
        path=path,
        files={numbers[image["id"]]: composed(image["file_name"]) for image in images},
        sizes={numbers[image["id"]]: (image["height"], image["width"]) for image in images},
        categories=dict(sorted((category["id"], composed(category["name"])) for category in categories)),
        annotations={name: annotations[name] for name in numbers.values()},
        parents=frozenset(
            parent
            for category in categories
            if isinstance(parent := category.get("supercategory"), str) and parent != category["name"]
        ),
        problems=tuple(repeated_entries(repeated, path, entries="entries", joined="annotations")),
    )


def _read_lists(path: Path) -> list[list[Any]]:
    """The file's images, annotations and categories; each entry has the fields that are read, and no others."""
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # no JSON; numbers of thousands of digits; thousands of brackets
        raise layout_error(path, f"it is no valid JSON ({error}); replace the file") from None
    lists = []
    for name, kind in _LISTS.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise layout_error(path, f"it is no COCO instances file (there is no list {name!r}); replace it")
        try:
            lists.append(kind.validate_python(entries))
        except ValidationError as error:
            raise layout_error(path, _fault(name, entries, error)) from None
    return lists


def _fault(name: str, entries: list, error: ValidationError) -> str:
    """What is wrong with the first entry that is, in a sentence."""
    faults = error.errors(include_url=False, include_context=False)
    place, *fields = faults[0]["loc"]
    entry = entries[int(place)]
    field = fields[0] if fields else _FIRST_FIELDS[name]
    value = entry.get(field) if isinstance(entry, dict) else None
    wanted = "text" if field in _TEXTS else "number"
    if wanted == "number" and isinstance(value, int | float):
        wanted = "whole number above 0" if field in ("height", "width") else "whole number"
    others = len({fault["loc"][:2] for fault in faults}) - 1  # of a field of several kinds, each is a fault
    more = f" ({others} more like it)" if others else ""
    shown = json.dumps(value)[:40]
    return f"the {field} of {_shown(name, int(place), entry)} is {shown}, not a {wanted}{more}; repair the file"


def _check_names(path: Path, name: str, entries: list[dict]) -> None:
    seen = set()
    for place, entry in enumerate(entries):
        if name == "images" and not as_id(entry["file_name"]):
            raise layout_error(path, f"the file_name of {_shown(name, place, entry)} names no file; repair the file")
        if entry["id"] in seen:
            fault = f"{_shown(name, place, entry)} has the id of another one before it"
            raise layout_error(path, f"{fault}; give each its own id")
        seen.add(entry["id"])


def _repeated_images(path: Path, images: list[dict]) -> list[str]:
    """The ids of the images that have several entries, which must agree on the file and its size."""
    first: dict[str, int] = {}
    repeated = []
    for place, image in enumerate(images):
        before = first.setdefault(as_id(image["file_name"]), place)
        if before == place:
            continue
        both = f"{_shown('images', before, images[before])} and {_shown('images', place, image)}"
        files = [composed(images[entry]["file_name"]) for entry in (before, place)]
        name = as_id(files[0])
        if files[0] != files[1]:
            names = f"{files[0]!r} and {files[1]!r}"
            raise layout_error(path, f"{both} are both image {name} ({names}); rename one, or drop its entry")
        if any(image[side] != images[before][side] for side in ("height", "width")):
            raise layout_error(path, f"{both} give image {name} two sizes; keep the right one")
        repeated.append(name)
    return repeated


def _shown(name: str, place: int, entry: object) -> str:
    """How a message calls an entry: by its place in its list, and its id where it has one."""
    number = entry.get("id") if isinstance(entry, dict) else None
    return f"{name}[{place}]" if number is None else f"{name}[{place}] (id {json.dumps(number)[:40]})"


def read_coco(source: Source) -> Contents:
    """What the instances files root/<train> and root/<val> say.

    Class ids follow the categories of the train file by their number, without its gaps. With `classes`,
    other categories count as background. Images are searched below `images`, else root/images, else
    root, there in the folder that bears the JSON's name (train2017 for instances_train2017.json), in the
    JSON's own, or at the top.

    Raises: see `listing.read_listing`.
    """
    root, classes, lists = source.root, source.classes, {"train": source.train, "val": source.val}
    sets = {split: read_instances(_json(root, name, split)) for split, name in lists.items() if name}
    folder = root / (source.images or "images")
    if not folder.is_dir():
        if source.images:
            raise layout_error(folder, "there is no such folder; correct dataset.images")
        folder = root
    names = tuple(sets["train"].categories.values()) if classes is None else tuple(map(composed, classes))
    images = list_images(folder, skip=[root / source.masks] if source.masks else [])
    contents = Contents(
        names, {"train": [], "val": []}, images, files={}, tags={}, tag_files={}, problems=images.problems(),
        parents=sets["train"].parents,
    )
    _add_files(contents, sets)
    for split, instances in sets.items():
        contents.splits[split] = list(instances.files)
        _add_tags(contents, instances, keep=None if classes is None else set(names))
    if classes is not None:
        contents.problems += _category_problems(names, sets["train"])
    return contents


def _json(root: Path, name: str, split: str) -> Path:
    """The instances file, or an error that names those that are there."""
    path = root / name
    if not path.is_file():
        found = (*root.glob("*.json"), *root.glob("*/*.json"))
        there = sorted(file.relative_to(root).as_posix() for file in found)
        remedy = f"set dataset.{split} to any of: {named(there)}" if there else "put COCO's instances JSON there"
        raise layout_error(path, f"there is no such file; {remedy}")
    return path


def _add_files(contents: Contents, sets: dict[str, Instances]) -> None:
    """The files that the names of all JSON files mean, in the folders where each of them may lie."""
    images = contents.images
    sought: dict[tuple[str, str], Sought] = {}
    for split, instances in sets.items():
        own = instances.path.parent
        places = [instances.path.stem.removeprefix("instances_"), *HERE]
        if own.is_relative_to(images.path):
            places.insert(1, own.relative_to(images.path).as_posix())
        sought |= {(split, name): (file_name, places) for name, file_name in instances.files.items()}
    matches = images.names.matches(sought)
    for split, instances in sets.items():
        found = (matches[split, name] for name in instances.files if (split, name) in matches)
        contents.problems += (*instances.problems, *guesses(found, instances.path))
    for (split, name), match in matches.items():
        suffix = Path(sets[split].files[name]).suffix
        paths = images.files[match.id]
        known = contents.files.setdefault(name, [])
        known += [path for path in paths if path.suffix == suffix and path not in known] or paths * (not known)


def _add_tags(contents: Contents, instances: Instances, *, keep: set[str] | None) -> None:
    for name, objects in instances.annotations.items():
        numbers = [item["category_id"] for item in objects]
        tags = [instances.categories.get(number, f"category {number}") for number in numbers]
        kept = [tag for tag in tags if keep is None or tag in keep]
        contents.tags[name] = tuple(dict.fromkeys((*contents.tags.get(name, ()), *kept)))
        contents.tag_files[name] = instances.path


def _category_problems(classes: tuple[str, ...], instances: Instances) -> list[Problem]:
    names = set(instances.categories.values())
    problems = [
        Problem(
            "unknown class",
            str(instances.path),
            f"{instances.path}: class {name!r} of dataset.classes is no category"
            + (suggestion(name, names) or "; correct dataset.classes"),
        )
        for name in classes
        if name not in names
    ]
    left_out = sorted(names - set(classes))
    if left_out:
        message = f"{instances.path}: not in dataset.classes, hence background: {', '.join(left_out)}"
        problems.append(Problem("category left out", str(instances.path), message, "warning"))
    return problems
