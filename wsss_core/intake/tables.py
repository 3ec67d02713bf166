"""Tables that name photographs: separators, quotes, headings and cells as people and tools write them."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wsss_core.data.images import SUFFIXES
from wsss_core.data.names import composed
from wsss_core.intake import texts
from wsss_core.intake.survey import Survey
from wsss_core.problems import layout_error, named

SUFFIXES_OF_TABLES = (".csv", ".tsv")
IMAGE = {
    "image", "images", "imagename", "imageid", "imagepath", "imagefile", "img", "imgname", "imgpath", "imgid",
    "filename", "file", "filepath", "path", "id", "name", "photo", "picture", "fname", "uri", "url",
}  # fmt: skip
TAGS = {
    "labels", "label", "tags", "tag", "class", "classes", "category", "categories", "classname", "labelname", "target",
    "targets", "choice", "species",
}  # fmt: skip
SPLIT = {"split", "set", "subset", "partition", "usage", "phase", "dataset"}
"""What people call the columns, in small letters without signs and numbers."""
YES, NO, UNKNOWN = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}, {"", "-1", "-1.0", "nan", "u"}
"""What the cells of a column say that stands for one class, in small letters."""
_DELIMITERS = (",", ";", "\t", "|")
_SEPARATORS = (";", "|", ",")
_LISTS = re.compile(r"^\s*[\[{(].*[\])}]\s*$", re.DOTALL)
_FEWEST_NAMED = 0.5
"""Share of a column's cells that must name photographs."""


@dataclass(frozen=True)
class Rows:
    """A table as it stands: its headings, or none, and rows of as many cells."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: str

    def cells(self, column: int) -> list[str]:
        """Those of a column, from above."""
        return [row[column] for row in self.rows]


@dataclass(frozen=True)
class Table:
    """A table of which one column names photographs.

    Attributes:
        rows: the whole.
        image: number of that column.
        found: cell -> id of the photograph that it means.
    """

    rows: Rows
    image: int
    found: dict[str, str]

    @cached_property
    def split(self) -> int | None:
        """Number of the column that says which split a photograph is in."""
        return next((n for n in self.others if folded(self.rows.columns[n]) in SPLIT), None)

    @property
    def others(self) -> list[int]:
        """The numbers of the other columns."""
        return [number for number in range(len(self.rows.columns)) if number != self.image]

    @cached_property
    def tags(self) -> list[int]:
        """The numbers of the columns that seem to hold tags: by their headings, or the only other column there is."""
        rest = [number for number in self.others if number != self.split]
        by_heading = [number for number in rest if folded(self.rows.columns[number]) in TAGS]
        return by_heading or (rest if len(rest) == 1 else [])


def kind_of(table: Table) -> str:
    """Which layout a table is of: "metadata", "label_studio", "one_hot" or "csv"; "" where it holds no tags."""
    headings = {heading.lower() for heading in table.rows.columns}
    if table.rows.path.stem.lower() == "metadata" and "file_name" in headings:
        return "metadata"
    if {"annotator", "lead_time"} & headings and {"annotation_id", "created_at"} & headings:
        return "label_studio"
    by_heading = [number for number in table.tags if folded(table.rows.columns[number]) in TAGS]
    if not by_heading and flags(table):
        return "one_hot"
    return "csv" if table.tags else ""


def flags(table: Table) -> list[int]:
    """The numbers of the columns that hold but yes and no."""
    columns = [number for number in table.others if number != table.split]
    return [
        number
        for number in columns
        if YES & (cells := {cell.lower() for cell in table.rows.cells(number)}) and cells <= YES | NO | UNKNOWN
    ]


def tables_of(survey: Survey, kind: str) -> list[Table]:
    """The tables of the folder that are of a kind."""
    opened = (open_table(survey, path) for path in survey.documents(*SUFFIXES_OF_TABLES))
    return [table for table in opened if table is not None and kind_of(table) == kind]


def folded(heading: str) -> str:
    """A heading in small letters, without blanks, signs and numbers."""
    return re.sub(r"[\W\d_]+", "", heading.lower())


def open_table(survey: Survey, path: Path) -> Table | None:
    """The table of a document, if half the cells of a column of it name photographs; else None. Looked for once."""
    return survey.read(path, lambda path: _table_of(survey, path))


def _table_of(survey: Survey, path: Path) -> Table | None:
    rows = read_rows(path)
    if not rows.rows:
        return None
    best: tuple[int, bool, int, dict[str, str]] | None = None
    for number, heading in enumerate(rows.columns):
        cells = rows.cells(number)
        found = survey.find(cells, near=path)
        named_cells = sum(cell in found for cell in cells)
        is_name = folded(heading) in IMAGE
        if named_cells < _FEWEST_NAMED * len(cells) or (not is_name and len(found) < 2):
            continue
        if best is None or (named_cells, is_name) > best[:2]:
            best = named_cells, is_name, number, found
    if best is None:
        return None
    number, found = best[2:]
    heading = rows.columns[number]
    if folded(heading) not in IMAGE and survey.find([heading], near=path):  # the first row is a photograph's too
        columns = tuple(f"column {number}" for number in range(1, len(rows.columns) + 1))
        rows = Rows(path, columns, (rows.columns, *rows.rows), rows.encoding)
        found = survey.find(rows.cells(number), near=path)
    return Table(rows, number, found)


def read_rows(path: Path) -> Rows:
    """The table of a text.

    Raises:
        DatasetError: it is no text, a quote stays open, or a row has a cell too many or too few.
    """
    text, encoding = texts.read_text(path)
    text, told = _without_sign(text)
    try:
        delimiter = told or _delimiter(text)
    except csv.Error as error:
        raise layout_error(path, f"its first lines cannot be read ({error}); correct them") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            row = tuple(composed(cell.strip()) for cell in cells)
            if any(row):  # spreadsheets end in rows of empty cells
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise layout_error(path, f"line {reader.line_num} cannot be read ({error}); close its quotes") from None
    if not rows:
        return Rows(path, (), (), encoding)
    has_heading = not any(cell.lower().endswith(SUFFIXES) for cell in rows[0])
    columns = rows[0] if has_heading else tuple(f"column {number}" for number in range(1, len(rows[0]) + 1))
    body, places = (rows[1:], lines[1:]) if has_heading else (rows, lines)
    for row, line in zip(body, places, strict=True):
        if len(row) != len(columns):
            remedy = "put ';' between tags, or quotes around a cell that holds the sign between columns"
            raise layout_error(path, f"line {line} has {len(row)} cells, not {len(columns)}; {remedy}")
    return Rows(path, columns, tuple(body), encoding)


def _without_sign(text: str) -> tuple[str, str]:
    """The text without the line `sep=;` with which Excel tells the sign between columns, and that sign."""
    first = re.match(r"sep=([,;|\t])\r?\n", text, re.IGNORECASE)
    return (text[first.end():], first[1]) if first else (text, "")


def _delimiter(text: str) -> str:
    """The sign that cuts most of the first lines into as many cells as the first one, and into most."""
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    counts = {}
    for sign in _DELIMITERS:
        cells = [len(next(csv.reader([line], delimiter=sign, skipinitialspace=True))) for line in lines]
        alike = sum(count == cells[0] for count in cells) if cells else 0
        counts[sign] = (cells[0] > 1 and 2 * alike > len(cells), cells[0]) if cells else (False, 0)
    return max(_DELIMITERS, key=lambda sign: counts[sign])


@dataclass(frozen=True)
class Cutter:
    """How cells are cut into tags.

    Attributes:
        sign: between tags; "" where a cell is one tag; "[" where it is a list as Python or JSON write it.
        note: a sentence on the choice; empty where it goes without saying.
    """

    sign: str
    note: str = ""

    def tags(self, cell: str) -> list[str]:
        """The tags of a cell, not yet bare of blanks."""
        if self.sign == "[":
            return _listed(cell)
        if self.sign == " ":
            return cell.split()
        return cell.split(self.sign) if self.sign else [cell]


def cutter(cells: Sequence[str], *, separator: str | None) -> Cutter:
    """How these cells are cut: at the sign that is asked for, else as they look.

    Of `;`, `|` and `,` the first that occurs anywhere. Blanks separate only where nothing else does and the words make
    up the cells: where there are fewer words than different cells.
    """
    if separator is not None:
        return Cutter({"space": " ", "none": ""}.get(separator, separator))
    filled = [cell for cell in cells if cell]
    if filled and all(_LISTS.match(cell) for cell in filled):
        return Cutter("[", "The cells are lists in brackets.")
    sign = next((sign for sign in _SEPARATORS if any(sign in cell for cell in filled)), "")
    spaced = sorted({cell for cell in filled if len(cell.split()) > 1})
    if sign or not spaced:
        return Cutter(sign)
    different, words = set(filled), {word for cell in filled for word in cell.split()}
    if len(words) < len(different):
        return Cutter(" ", f"Blanks separate tags ({spaced[0]!r}); if not, give --separator none.")
    return Cutter("", f"Blanks are taken for part of a tag ({named(spaced[:3])}); if not, give --separator space.")


def _listed(cell: str) -> list[str]:
    """The items of a cell that holds a list, or of the field `choices` of a mapping."""
    if not cell:
        return []
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(cell)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict):
            value = value.get("choices", [])
        return [str(item) for item in value] if isinstance(value, list | tuple | set) else [str(value)]
    return [part.strip(" '\"") for part in cell.strip("[](){} ").split(",")]
