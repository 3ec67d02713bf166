"""Hugging Face's image folders: `metadata.jsonl` or `metadata.csv` with a column `file_name`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wsss_core.intake import texts
from wsss_core.intake.layouts import csv
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.survey import Survey
from wsss_core.intake.tables import TAGS, folded, tables_of
from wsss_core.problems import layout_error, named

TITLE = "Hugging Face's image folder with metadata"
_NAME = "file_name"


def recognise(survey: Survey) -> list[Clue]:
    """Each metadata file; those of several splits together."""
    lines = [path for path in survey.documents(".jsonl") if _has_names(survey.read(path, _read_lines))]
    paths = sorted([*lines, *(table.rows.path for table in tables_of(survey, "metadata"))])
    return [
        Clue(f"{', '.join(map(survey.below, group))} with {_NAME}", group) for group in survey.groups(paths)
    ]


def _has_names(lines: list[dict] | None) -> bool:
    return lines is not None and lines != [] and all(isinstance(line.get(_NAME), str) for line in lines)


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """What the tags' field of each line holds: a text, a number, a list, or categories of objects."""
    found = Found({})
    tables = tuple(path for path in clue.documents if path.suffix.lower() != ".jsonl")
    if tables:
        found = csv.read(survey, Clue(clue.why, tables), options)
    for path in clue.documents:
        if path in tables:
            continue
        lines = survey.read(path, _read_lines) or []
        names = survey.find((line[_NAME] for line in lines), near=path)
        found.left_out += survey.missing((line[_NAME] for line in lines), names, path)
        field = _field(lines, options, path)
        found.notes.append(f"Tags are taken from {field!r} of {survey.below(path)}.")
        for line in lines:
            if name := names.get(line[_NAME]):
                own = _texts(_value(line, field))
                before = found.entries.get(name, Entry(()))
                found.entries[name] = Entry(joined([*(before.tags or ()), *own]), survey.split(path))
    return found


def _read_lines(path: Path) -> list[dict]:
    text, _ = texts.read_text(path)
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise layout_error(path, f"line {number} is no valid JSON ({error}); correct it") from None
        if not isinstance(value, dict):
            raise layout_error(path, f"line {number} is no object in braces; correct it")
        lines.append(value)
    return lines


def _field(lines: list[dict], options: Options, path: Path) -> str:
    """The field that holds the tags, `objects.categories` among them."""
    fields = dict.fromkeys(key for line in lines for key in line if key != _NAME)
    if options.column is not None:
        if options.column.partition(".")[0] not in fields:
            raise layout_error(path, f"it has no field {options.column!r}; give one of {named([*fields])} to --column")
        return options.column
    likely = [key for key in fields if folded(key) in TAGS]
    objects = [line["objects"] for line in lines if isinstance(line.get("objects"), dict)]
    of_objects = (key for key in ("categories", "category", "label") if any(key in of_line for of_line in objects))
    likely += [f"objects.{key}" for key in of_objects][:1]
    if len(likely) != 1:
        raise layout_error(path, f"which field holds the tags? Choose by --column one of {named(likely or [*fields])}")
    return likely[0]


def _value(line: dict, field: str) -> Any:
    value: Any = line
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
