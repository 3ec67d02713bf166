"""Label Studio's exports: JSON, JSON-MIN and CSV, with choices or drawn labels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from wsss_core.data.images import SUFFIXES
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.survey import Survey
from wsss_core.intake.tables import open_table, tables_of
from wsss_core.problems import layout_error, named

TITLE = "an export of Label Studio"
_OF_TOOL = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "was_cancelled"}
"""Fields of a flat export that hold neither picture nor answer."""
_SAMPLE = 50

Task = tuple[str, list[list[str]] | None]
"""The picture of a task, and the tags of each annotator; None where nobody has finished it."""


def recognise(survey: Survey) -> list[Clue]:
    """Lists of tasks, whole or flat, as JSON or CSV."""
    clues = []
    for path in survey.documents(".json"):
        content = survey.json(path)
        if _is_list(content) and all(map(_is_task, content)):
            clues.append(Clue(f"{survey.below(path)} is a list of {len(content)} tasks", (path,)))
        elif _is_list(content) and all("annotation_id" in item or "annotator" in item for item in content[:_SAMPLE]):
            clues.append(Clue(f"{survey.below(path)} is a flat list of {len(content)} tasks", (path,)))
    tables = tables_of(survey, "label_studio")
    clues += [Clue(f"{survey.below(t.rows.path)} has Label Studio's columns", (t.rows.path,)) for t in tables]
    return clues


def _is_task(item: dict) -> bool:
    return isinstance(item.get("data"), dict) and isinstance(item.get("annotations"), list)


def _is_list(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(item, dict) for item in content)


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The choices and labels of each task; one without a finished annotation has not been looked at.

    What several annotators chose for a picture is joined, and it is told in how many pictures they differ.
    """
    (path,) = clue.documents
    found = Found({})
    merged: dict[str, list[list[str]]] = defaultdict(list)
    tasks = list(_tasks(survey, clue, options))
    ids = survey.find((file for file, _ in tasks), near=path)
    found.left_out += survey.missing((file for file, _ in tasks), ids, path)
    for file, answers in tasks:
        if file in ids:
            merged[ids[file]] += answers or []
            found.entries.setdefault(ids[file], Entry(None))
    several = {name: answers for name, answers in merged.items() if len(answers) > 1}
    differing = sorted(name for name, answers in several.items() if len({frozenset(tags) for tags in answers}) > 1)
    if several:
        differ = f"they differ in {len(differing)} ({named(differing)})" if differing else "they agree"
        found.notes.append(f"{len(several)} photographs have several annotators, whose tags are joined; {differ}.")
    for name, answers in merged.items():
        if answers:
            found.entries[name] = Entry(joined([tag for tags in answers for tag in tags]))
    return found


def _tasks(survey: Survey, clue: Clue, options: Options) -> Iterator[Task]:
    (path,) = clue.documents
    table = open_table(survey, path) if path.suffix.lower() != ".json" else None
    if table is not None:
        rows = [dict(zip(table.rows.columns, map(_parsed, row), strict=True)) for row in table.rows.rows]
        yield from _flat(rows, table.rows.columns[table.image], options, path)
        return
    content = survey.json(path)
    if "data" not in content[0]:
        yield from _flat(content, _picture_field(content, path), options, path)
        return
    field = _picture_field([task["data"] for task in content], path)
    for task in content:
        done = [item for item in task["annotations"] if isinstance(item, dict) and not item.get("was_cancelled")]
        file = str(task["data"].get(field, ""))
        yield file, [_results(item.get("result", [])) for item in done] if done else None


def _results(results: Any) -> list[str]:
    """The tags of all results of one annotation, by their type: choices, rectanglelabels, brushlabels, ..."""
    tags: list[str] = []
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, dict) else None
        named_by = value.get(str(result.get("type", ""))) if isinstance(value, dict) else None
        items = named_by if isinstance(named_by, list) else []
        last = [item[-1] if isinstance(item, list) and item else item for item in items]  # of a taxonomy's path
        tags += [item for item in last if isinstance(item, str)]
    return tags


def _flat(rows: list[dict], picture: str, options: Options, path) -> Iterator[Task]:
    """The tasks of JSON-MIN and CSV, one for each annotator."""
    fields = [name for name in dict.fromkeys(key for row in rows for key in row) if name not in {*_OF_TOOL, picture}]
    if options.column is not None:
        fields = [options.column]
    else:
        fields = [name for name in fields if any(_is_answer(row.get(name)) for row in rows)]
    if len(fields) != 1:
        raise layout_error(path, f"which field holds the answer? Choose by --column one of {named(fields)}")
    for row in rows:
        answer = row.get(fields[0])
        finished = answer not in (None, "") and not row.get("was_cancelled")
        yield str(row.get(picture, "")), [_choices(answer)] if finished else None


def _is_answer(value: Any) -> bool:
    return bool(value) and not _is_picture(value) and bool(_choices(value))


def _choices(value: Any) -> list[str]:
    """What a cell of a flat export holds: a text, choices in a mapping, or a list of drawn labels."""
    if isinstance(value, Mapping):
        kinds = [item for key, item in value.items() if key.endswith(("choices", "labels"))]
        return [tag for item in kinds for tag in _choices(item)]
    if isinstance(value, list):
        return [tag for item in value for tag in _choices(item)]
    return [value] if isinstance(value, str) else []


def _parsed(cell: str) -> Any:
    if cell[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(cell)
    return cell


def _is_picture(value: Any) -> bool:
    return isinstance(value, str) and value.lower().endswith(SUFFIXES)


def _picture_field(rows: list[dict], path) -> str:
    """The field whose texts end as files of images do."""
    fields = dict.fromkeys(key for row in rows for key in row if _is_picture(row.get(key)))
    if len(fields) != 1:
        raise layout_error(path, f"{len(fields)} of its fields hold names of images ({named([*fields])}); one must")
    return next(iter(fields))
