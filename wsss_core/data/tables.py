"""Tables of tags, as people write them."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from wsss_core.data.image_folder import ImageFolder
from wsss_core.data.names import composed, guesses
from wsss_core.problems import Problem, layout_error

_COLUMNS = ("image", "labels", "split")
_SEPARATORS = (";", "|", ",")  # of tags within a cell


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without byte order mark; params.yaml, an option or another file names it."""
    if path.exists() and not path.is_file():
        raise layout_error(path, "it is no file but a folder or a pipe; replace it, or name another")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise layout_error(path, "it is not UTF-8; save it in that encoding") from None
    except OSError as error:
        reason = f"it cannot be read ({error.strerror}); put it there, or name another"
        raise layout_error(path, reason) from None


@dataclass(frozen=True)
class TagTable:
    """A CSV of image-level tags.

    Attributes:
        tags: id -> names; the rows of an image that has several are joined.
        splits: id -> the cell of the `split` column; None where there is no such column.
        problems: what is to be said of its rows.
    """

    tags: dict[str, tuple[str, ...]]
    splits: dict[str, str] | None
    problems: tuple[Problem, ...]


def read_tag_table(path: Path, *, images: ImageFolder, classes: Collection[str] | None) -> TagTable:
    """Read a CSV with the columns `image`, `labels` and perhaps `split`.

    Args:
        path: UTF-8, columns apart by comma, semicolon or tab. Tags of one cell are apart by the first of
            ";", "|", "," that the column holds anywhere, never by blanks; an empty cell means no tags.
        images: among which the images' names are looked up.
        classes: names that may hold such a sign themselves; a cell that is one of them is one tag.

    Raises:
        DatasetError: the file is unreadable, a column is missing or stands there twice, a row has a cell too many or
            too few or a quote that stays open, or an image stands in two splits. Rows of empty cells are passed over.
    """
    rows = _read_rows(path)
    separator = next((sign for sign in _SEPARATORS if any(sign in row["labels"] for row in rows)), None)
    matches = images.names.all_matches(row["image"] for row in rows)
    tags: dict[str, tuple[str, ...]] = {}
    splits: dict[str, str] = {}
    repeated = []
    for row in rows:
        match, split = matches.get(row["image"]), row.get("split", "")
        name = match.id if match else images.names.id_of_missing(row["image"])
        if name in tags:
            repeated.append(name)
            if splits[name] != split:
                both = f"{splits[name]} and {split}"
                raise layout_error(path, f"image {name} is in the splits {both}; keep one row")
        splits[name] = split
        tags[name] = (*tags.get(name, ()), *_split_cell(row["labels"], separator, classes))
    problems = (*guesses(matches.values(), path), *repeated_entries(repeated, path, entries="rows", joined="tags"))
    return TagTable(tags, splits if "split" in rows[0] else None, problems)


def repeated_entries(repeated: Collection[str], path: Path, *, entries: str, joined: str) -> list[Problem]:
    """One warning for all images that a table or JSON has more than once, with what is joined of these entries."""
    if not repeated:
        return []
    first, count = next(iter(repeated)), len(set(repeated))
    message = f"{path}: {count} images have several {entries} (first {first}); their {joined} are joined"
    return [Problem("repeated row", str(path), message, "warning")]


def _read_rows(path: Path) -> list[dict[str, str]]:
    header, *body = read_text(path).splitlines() or [""]
    fields = {sign: [name.lower() for name in _read_cells(path, 1, header, sign)] for sign in ",;\t"}
    delimiter = next((sign for sign, names in fields.items() if {"image", "labels"} <= set(names)), None)
    if delimiter is None:
        raise layout_error(path, f"the first line is {header.strip()!r}; it must name columns image,labels")
    columns = fields[delimiter]
    _check_headings(path, _read_cells(path, 1, header, delimiter))
    rows = []
    for number, line in enumerate(body, start=2):
        cells = _read_cells(path, number, line, delimiter)
        if not any(cells):  # spreadsheets end in rows of empty cells
            continue
        if len(cells) != len(columns):
            place = f"line {number} has {len(cells)} cells, not {len(columns)}"
            raise layout_error(path, f"{place}; put ';' between tags, quote commas")
        rows.append(dict(zip(columns, cells, strict=True)))
    if not rows:
        raise layout_error(path, "it has no rows; add one for each image")
    return rows


def _check_headings(path: Path, headings: list[str]) -> None:
    """A column that is read must stand there once: of two, one would count and the other's cells be lost."""
    for column in _COLUMNS:
        alike = [heading for heading in headings if heading.lower() == column]
        if len(alike) > 1:
            shown = " and ".join(map(repr, alike))
            remedy = "put their cells into one column, or rename those that are not meant"
            raise layout_error(path, f"the first line names the column {column} {len(alike)} times ({shown}); {remedy}")


def _read_cells(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    """The cells of one line, without blanks around them; a quoted cell ends on the line on which it begins."""
    reader = csv.reader([line, ""], delimiter=delimiter)
    try:
        cells = next(reader)
    except csv.Error as error:
        raise layout_error(path, f"line {number} cannot be read ({error}); correct it") from None
    if reader.line_num > 1:  # the quote went on into the line that we put behind it
        raise layout_error(path, f"line {number} opens a quote (\") that it does not close; close it or take it out")
    return [composed(cell.strip()) for cell in cells]


def _split_cell(cell: str, separator: str | None, classes: Collection[str] | None) -> tuple[str, ...]:
    parts = [cell] if separator is None or (classes and cell in classes) else cell.split(separator)
    return tuple(tag for part in parts if (tag := part.strip()))
