"""Lists of image ids and tables of tags, as people write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wsss_core.data.images import SUFFIXES, normalise
from wsss_core.data.problems import Problem, layout_error

_SUFFIX = "|".join(suffix[1:] for suffix in SUFFIXES)
# A line of the lists of PSA and DeepLab: image path, blanks, mask path.
_PAIR = re.compile(rf"(.+?\.(?:{_SUFFIX}))\s+\S.*\.(?:{_SUFFIX})", re.IGNORECASE)
_SEPARATORS = (";", "|", ",")  # of tags within a cell


def image_id(name: str, known: Collection[str]) -> str:
    """The id that a list or table means by name: as it stands if known, else without an image suffix."""
    name = normalise(name).strip().replace("\\", "/").removeprefix("./")
    path = PurePosixPath(name)
    if name not in known and path.suffix.lower() in SUFFIXES:
        return path.with_suffix("").as_posix()
    return name


def read_id_list(path: Path, *, known: Collection[str], images: Path) -> list[str]:
    """The ids of a split list, in its order.

    Args:
        path: one id a line, or PSA's lines of an image path and a mask path; blank lines are passed over.
        known: ids that exist; a line that is one of them is taken as it stands, blanks and dots included.
        images: the images' folder; of a path below it only what follows it belongs to the id.
    """
    ids = []
    for line in read_text(path).splitlines():
        name = normalise(line.strip())
        if not name:
            continue
        pair = _PAIR.fullmatch(name)
        if name not in known and pair:
            parts = PurePosixPath(pair[1]).parts
            start = parts.index(images.name) + 1 if images.name in parts else len(parts) - 1
            name = "/".join(parts[start:])
        ids.append(image_id(name, known))
    return ids


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise layout_error(path, "it is not UTF-8; save it in that encoding") from None
    except OSError as error:
        reason = f"it cannot be read ({error.strerror}); put it there or correct params.yaml"
        raise layout_error(path, reason) from None


@dataclass(frozen=True)
class TagTable:
    """A CSV of image-level tags.

    Attributes:
        tags: id -> names; the rows of an image that has several are joined.
        splits: id -> the cell of the `split` column; None where there is no such column.
        repeated: ids that have several rows.
    """

    tags: dict[str, tuple[str, ...]]
    splits: dict[str, str] | None
    repeated: tuple[str, ...]


def read_tag_table(
    path: Path, *, known: Collection[str], images: Path, classes: Collection[str] | None
) -> TagTable:
    """Read a CSV with the columns `image`, `labels` and perhaps `split`.

    Args:
        path: UTF-8, columns apart by comma, semicolon or tab. Tags of one cell are apart by the first of
            ";", "|", "," that the column holds anywhere, never by blanks; an empty cell means no tags.
        known: ids that exist; see `image_id`. The image's name may have its suffix or not.
        images: the images' folder; its name in front of an image's is taken off.
        classes: names that may hold such a sign themselves; a cell that is one of them is one tag.

    Raises:
        DatasetError: the file is unreadable, a column is missing, a row has a cell too many or too few, or an
            image stands in two splits.
    """
    rows = _read_rows(path)
    separator = next((sign for sign in _SEPARATORS if any(sign in row["labels"] for row in rows)), None)
    tags: dict[str, tuple[str, ...]] = {}
    splits: dict[str, str] = {}
    repeated = []
    for row in rows:
        name = _below(images.name, image_id(row["image"], known), known)
        split = row.get("split", "")
        if name in tags:
            repeated.append(name)
            if splits[name] != split:
                both = f"{splits[name]} and {split}"
                raise layout_error(path, f"image {name} is in the splits {both}; keep one row")
        splits[name] = split
        tags[name] = (*tags.get(name, ()), *_split_cell(row["labels"], separator, classes))
    return TagTable(tags, splits if "split" in rows[0] else None, tuple(dict.fromkeys(repeated)))


def repeated_rows(table: TagTable, path: Path) -> list[Problem]:
    """One warning for all images of a table that have several rows."""
    if not table.repeated:
        return []
    count = len(table.repeated)
    message = f"{path}: {count} images have several rows (first {table.repeated[0]}); their tags are joined"
    return [Problem("repeated row", str(path), message, "warning")]


def _read_rows(path: Path) -> list[dict[str, str]]:
    header, *body = read_text(path).splitlines() or [""]
    fields = {
        sign: [name.strip().lower() for name in next(csv.reader([header], delimiter=sign), [])]
        for sign in ",;\t"
    }
    delimiter = next((sign for sign, names in fields.items() if {"image", "labels"} <= set(names)), None)
    if delimiter is None:
        raise layout_error(path, f"the first line is {header.strip()!r}; it must name columns image,labels")
    lines = csv.reader(body, delimiter=delimiter)
    rows = []
    for cells in lines:
        if not cells:
            continue
        if len(cells) != len(fields[delimiter]):
            place = f"line {lines.line_num + 1} has {len(cells)} cells, not {len(fields[delimiter])}"
            raise layout_error(path, f"{place}; put ';' between tags, quote commas")
        values = (normalise(cell.strip()) for cell in cells)
        rows.append(dict(zip(fields[delimiter], values, strict=True)))
    if not rows:
        raise layout_error(path, "it has no rows; add one for each image")
    return rows


def _split_cell(cell: str, separator: str | None, classes: Collection[str] | None) -> tuple[str, ...]:
    parts = [cell] if separator is None or (classes and cell in classes) else cell.split(separator)
    return tuple(tag for part in parts if (tag := part.strip()))


def _below(folder: str, name: str, known: Collection[str]) -> str:
    return name if name in known else name.removeprefix(f"{folder}/")
