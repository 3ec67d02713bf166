"""YOLO: `data.yaml` with names, and a text of numbers for each image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from wsss_core.data.names import composed
from wsss_core.intake import texts
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.splits import split_of_folder
from wsss_core.intake.survey import Survey
from wsss_core.problems import layout_error, named
from wsss_core.yaml_text import NoYAMLError, parsed

_MOST = 10_000
TITLE = "YOLO: data.yaml and a text of numbers for each photograph"


def recognise(survey: Survey) -> list[Clue]:
    """A YAML with `names`, and texts that bear the names of photographs."""
    paths = [path for path in survey.documents(".yaml", ".yml") if survey.read(path, _names)]
    if not any(_texts(survey)):
        return []
    return [Clue(f"{survey.below(path)} has names, and texts lie beside the photographs", (path,)) for path in paths]


def _names(path: Path) -> tuple[str, ...] | None:
    """The names of the classes by their number from 0; None where the file names none."""
    text, _ = texts.read_text(path)
    try:
        content = parsed(text)
    except NoYAMLError as error:
        raise layout_error(path, f"it is no valid YAML ({error}); correct it") from None
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        numbers = [number for number in names if isinstance(number, int)]
        last = max(numbers, default=-1)
        if len(numbers) < len(names) or not -1 <= last < _MOST:
            raise layout_error(path, f"its names must be numbered from 0 to at most {_MOST - 1}; correct it")
        names = [names.get(number, f"class {number}") for number in range(last + 1)]
    return tuple(map(str, names)) if isinstance(names, list) and names else None


def _texts(survey: Survey) -> Iterator[tuple[str, Path]]:
    """id of a photograph -> its text: beside it, or where the last `images` of its path reads `labels`."""
    by_place = {composed(path.relative_to(survey.folder).as_posix()): path for path in survey.documents(".txt")}
    for name in survey.photographs:
        parts = name.split("/")
        if "images" in parts[:-1]:
            place = len(parts) - 1 - parts[::-1].index("images")
            parts[place] = "labels"
        path = by_place.get("/".join(parts) + ".txt") or by_place.get(f"{name}.txt")
        if path is not None:
            yield name, path


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The names of the numbers with which the lines of each text begin. A photograph without a text shows none."""
    (path,) = clue.documents
    names = survey.read(path, _names) or ()
    found, with_text = Found({}, classes=names), dict(_texts(survey))
    for name in survey.photographs:
        numbers = _numbers(with_text[name], len(names)) if name in with_text else []
        found.entries[name] = Entry(joined([names[number] for number in numbers]), split_of_folder(name))
    bare = sorted(found.entries.keys() - with_text.keys())
    if bare:
        found.notes.append(f"{len(bare)} photographs have no text ({named(bare)}): as YOLO does, they show no class.")
    return found


def _numbers(path: Path, count: int) -> list[int]:
    numbers = []
    for place, line in enumerate(texts.read_text(path)[0].splitlines(), start=1):
        if not line.strip():
            continue
        first = line.split()[0]
        number = int(float(first)) if re.fullmatch(r"\d{1,6}(\.0*)?", first, re.ASCII) else -1
        if not 0 <= number < count:
            raise layout_error(path, f"line {place} begins with {first!r}, which is no class of 0 to {count - 1}")
        numbers.append(number)
    return numbers
