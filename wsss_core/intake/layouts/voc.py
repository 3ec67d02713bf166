"""VOC's annotations: an XML for each photograph, in a devkit's folders, beside the photographs, or elsewhere."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from wsss_core import voc
from wsss_core.data.formats.voc import LISTS
from wsss_core.data.formats.voc_xml import read_objects
from wsss_core.data.names import composed
from wsss_core.intake import texts
from wsss_core.intake.records import Clue, Entry, Found, Options
from wsss_core.intake.splits import SPLIT_OF
from wsss_core.intake.survey import Survey
from wsss_core.problems import DatasetError, named

TITLE = "VOC: an XML for each photograph"
_MOST = 0.9
"""Share of the XML files that must be of this kind."""
_SAMPLE = 20


def recognise(survey: Survey) -> list[Clue]:
    """XML files whose root is `annotation`, and photographs of their names."""
    paths = survey.documents(".xml")
    sample = paths[:: max(len(paths) // _SAMPLE, 1)]
    of_kind = sum(root_of(path) == "annotation" for path in sample)
    if not sample or of_kind < _MOST * len(sample):
        return []
    return [Clue(f"{len(paths)} XML files with the root <annotation>")]


def root_of(path: Path) -> str:
    """The tag of an XML's root, read no further than that; "" where it is no XML."""
    try:
        with path.open("rb") as file:
            return next((item.tag for _, item in ElementTree.iterparse(file, events=("start",))), "")
    except (OSError, ElementTree.ParseError, ValueError, LookupError):
        return ""


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The names of the objects in each XML; a photograph without one has not been looked at.

    The name of the XML itself tells of which photograph it is: `filename` inside often names another file.
    """
    found = Found({})
    found.left_out += [text for text in _read_all(survey, found) if text]
    splits = _lists(survey)
    found.entries = {name: Entry(entry.tags, splits.get(name, "")) for name, entry in found.entries.items()}
    if (survey.folder / "JPEGImages").is_dir() and {"train", "val"} <= set(splits.values()):
        names = {tag for entry in found.entries.values() for tag in entry.tags or ()}
        devkit = names <= set(voc.CLASSES) and (survey.folder / "SegmentationClass").is_dir()
        found.own = {"format": "voc", "train": "train", "val": "val", "classes": None if devkit else sorted(names)}
        found.classes = voc.CLASSES if devkit else None
    return found


def _read_all(survey: Survey, found: Found) -> list[str]:
    """Enter the tags of every XML; sentences on those that could not be used."""
    paths = {_id(survey, path): path for path in survey.documents(".xml")}
    names = survey.find(paths)
    broken, strays = [], []
    for xml_id, path in paths.items():
        name = names.get(xml_id) or _by_folder(survey, xml_id)
        if name is None:
            strays.append(survey.below(path))
            continue
        try:
            found.entries[name] = Entry(read_objects(path))
        except DatasetError as error:
            broken.append(str(error))
    return [
        f"{len(strays)} XML files belong to no photograph ({named(strays)})." if strays else "",
        f"{len(broken)} XML files cannot be used: {broken[0]}." if broken else "",
    ]


def _id(survey: Survey, path: Path) -> str:
    return composed(path.relative_to(survey.folder).with_suffix("").as_posix())


def _by_folder(survey: Survey, xml_id: str) -> str | None:
    """The photograph whose path differs in the folder of annotations alone, as `train/images/a` of `train/labels/a`."""
    folder, _, base = xml_id.rpartition("/")
    above = folder.rpartition("/")[0]
    near = [name for name in survey.names.alike(base) if name.rpartition("/")[2] == base]
    near = [name for name in near if name.startswith(f"{above}/")] if above and len(near) > 1 else near
    return near[0] if len(near) == 1 else None


def _lists(survey: Survey) -> dict[str, str]:
    """id -> its split, by the lists of ImageSets."""
    splits: dict[str, str] = {}
    for folder in LISTS:
        for path in sorted((survey.folder / folder).glob("*.txt")):
            if path.stem.lower() not in SPLIT_OF:
                continue
            matches = survey.names.all_matches(texts.first_words(path))
            splits |= {match.id: SPLIT_OF[path.stem.lower()] for match in matches.values()}
        if splits:
            break
    return splits
