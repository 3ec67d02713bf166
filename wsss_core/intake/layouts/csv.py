"""A table in which a row, or several, name a photograph and its tags."""

from __future__ import annotations

from collections import Counter, defaultdict

from wsss_core.intake import texts
from wsss_core.intake.records import Clue, Entry, Found, Options, joined
from wsss_core.intake.splits import SPLIT_OF
from wsss_core.intake.survey import Survey
from wsss_core.intake.tables import Table, cutter, open_table, tables_of
from wsss_core.problems import layout_error, named

TITLE = "photographs and a table of their tags"


def recognise(survey: Survey) -> list[Clue]:
    """Each table with a column of names and a column of tags, or several that may be it; those of splits together."""
    tables = {table.rows.path: table for kind in ("csv", "") for table in tables_of(survey, kind) if table.others}
    return [
        Clue(f"{', '.join(map(survey.below, paths))} names {len(tables[paths[0]].found)} photographs", paths,
             is_sure=bool(tables[paths[0]].tags))
        for paths in survey.groups(list(tables))
    ]  # fmt: skip


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The tags of all rows of a photograph, joined.

    Raises:
        DatasetError: several columns may hold the tags, or a photograph is in two splits.
    """
    found = Found({})
    tags: dict[str, list[str]] = defaultdict(list)
    splits: dict[str, str] = {}
    for path in clue.documents:
        table = open_table(survey, path)
        if table is None:
            continue
        column = tags_column(table, options)
        cells = table.rows.cells(column)
        cut = cutter(cells, separator=options.separator)
        found.notes += [note for note in (cut.note, *texts.note_on(path, table.rows.encoding)) if note]
        found.notes.append(_columns(survey, table, column))
        found.left_out += survey.missing(table.rows.cells(table.image), table.found, path)
        names = [table.found.get(cell) for cell in table.rows.cells(table.image)]
        several = sorted(name for name, count in Counter(names).items() if name and count > 1)
        if several:
            found.notes.append(f"{len(several)} photographs have several rows, which are joined ({named(several)}).")
        for name, cell, split in zip(names, cells, splits_of(survey, table), strict=True):
            if name is None:
                continue
            if splits.setdefault(name, split) != split:
                both = f"{splits[name] or 'none'} and {split or 'none'}"
                raise layout_error(path, f"photograph {name} is in the splits {both}; keep one")
            tags[name] += cut.tags(cell)
    found.entries = {name: Entry(joined(tags[name]), splits[name]) for name in tags}
    if len(clue.documents) == 1:
        found.own = {"format": "folder", "labels": survey.below(clue.documents[0])}
    return found


def tags_column(table: Table, options: Options) -> int:
    """The number of the column that holds the tags.

    Raises:
        DatasetError: it is not there, or several may be it.
    """
    headings, path = table.rows.columns, table.rows.path
    if options.column is not None:
        wanted = [n for n, heading in enumerate(headings) if heading.lower() == options.column.lower()]
        if len(wanted) != 1:
            raise layout_error(path, f"it has no column {options.column!r}; give one of {named(headings)} to --column")
        return wanted[0]
    if len(table.tags) != 1:
        shown = named([headings[number] for number in table.tags or table.others])
        raise layout_error(path, f"tags may stand in several of its columns; choose by --column one of {shown}")
    return table.tags[0]


def splits_of(survey: Survey, table: Table) -> list[str]:
    """The split of each row: of its cell, else of the table."""
    if table.split is None:
        return [survey.split(table.rows.path)] * len(table.rows.rows)
    return [SPLIT_OF.get(cell.lower(), cell) for cell in table.rows.cells(table.split)]


def _columns(survey: Survey, table: Table, column: int) -> str:
    headings = table.rows.columns
    used = {"names": table.image, "tags": column, "splits": table.split}
    shown = ", ".join(f"{use} in {headings[number]!r}" for use, number in used.items() if number is not None)
    rest = [heading for number, heading in enumerate(headings) if number not in used.values()]
    ignored = f"; not used: {named(rest)}" if rest else ""
    return f"Columns of {survey.below(table.rows.path)}: {shown}{ignored}."
