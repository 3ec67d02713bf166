"""CVAT for images 1.1: one XML with tags, boxes and outlines of all images."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from wsss_core.intake.layouts.voc import root_of
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.survey import Survey
from wsss_core.problems import layout_error, named

TITLE = "CVAT for images 1.1"
_SHAPES = ("box", "polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton")


def recognise(survey: Survey) -> list[Clue]:
    """XML files whose root is `annotations`."""
    paths = [path for path in survey.documents(".xml") if survey.read(path, _cvat) is not None]
    return [Clue(f"{survey.below(path)} has the root <annotations>", (path,)) for path in paths]


def _cvat(path: Path) -> ElementTree.Element | None:
    """The root of an XML of CVAT's; None of another one."""
    try:
        return ElementTree.parse(path).getroot() if root_of(path) == "annotations" else None
    except (OSError, ElementTree.ParseError, ValueError, LookupError):
        return None


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The labels of each image's tags and shapes.

    Where one label alone is used, and always with one attribute, the attribute's value is the tag.

    Raises:
        DatasetError: it is of a video, whose frames have no names.
    """
    (path,) = clue.documents
    root = survey.read(path, _cvat)
    images = [] if root is None else root.findall("image")
    if not images:
        raise layout_error(path, "it names no images (of a video it holds tracks); export it as CVAT for images 1.1")
    found = Found({})
    ids = survey.find((image.get("name", "") for image in images), near=path)
    found.left_out += survey.missing((image.get("name", "") for image in images), ids, path)
    by_attribute = _attribute(images)
    if by_attribute:
        found.notes.append(f"All tags bear one label; the values of its attribute {by_attribute!r} are the tags.")
    for image in images:
        if name := ids.get(image.get("name", "")):
            tags = [_tag(item, by_attribute) for item in image if item.tag == "tag" or item.tag in _SHAPES]
            found.entries[name] = Entry(joined(tags))
    bare = sorted(name for name, entry in found.entries.items() if not entry.tags)
    if bare:
        found.notes.append(
            f"{len(bare)} images have neither tag nor shape ({named(bare)}) and count as showing none of the classes:"
            " the file does not tell whether somebody has looked. To leave them out, take them out of the folder."
        )
    return found


def _attribute(images: list[ElementTree.Element]) -> str:
    """The one attribute of the one label of all tags; "" where there are several or none, or shapes too."""
    items = [item for image in images for item in image if item.tag == "tag" or item.tag in _SHAPES]
    if {item.tag for item in items} != {"tag"} or len({item.get("label") for item in items}) != 1:
        return ""
    names = [[attribute.get("name", "") for attribute in item.findall("attribute")] for item in items]
    return names[0][0] if all(len(of_item) == 1 and of_item == names[0] for of_item in names) else ""


def _tag(item: ElementTree.Element, attribute: str) -> str:
    return (item.findtext("attribute") or "") if attribute else item.get("label", "")
