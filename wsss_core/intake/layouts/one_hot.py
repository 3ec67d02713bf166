"""A table with a column of yes and no for each class."""

from __future__ import annotations

from collections import Counter

from wsss_core.intake import texts
from wsss_core.intake.layouts.csv import splits_of
from wsss_core.intake.records import Clue, Entry, Found, Options
from wsss_core.intake.survey import Survey
from wsss_core.intake.tables import NO, UNKNOWN, YES, Table, flags, open_table, tables_of
from wsss_core.problems import layout_error, named

TITLE = "photographs and a table with a column of 0 and 1 for each class"


def recognise(survey: Survey) -> list[Clue]:
    """Each table of which the columns beside the names hold but 0 and 1."""
    tables = {table.rows.path: table for table in tables_of(survey, "one_hot")}
    return [
        Clue(f"{', '.join(map(survey.below, paths))} has {len(flags(tables[paths[0]]))} columns of 0 and 1", paths)
        for paths in survey.groups(list(tables))
    ]


def read(survey: Survey, clue: Clue, options: Options) -> Found:
    """The headings of the columns that hold 1.

    Raises:
        DatasetError: cells are empty or -1, and nobody has decided what that means; or a photograph has two rows.
    """
    found, classes = Found({}), dict[str, None]()
    for path in clue.documents:
        table = open_table(survey, path)
        if table is None:
            continue
        columns = flags(table)
        if not options.unknown_is_absent:
            _require_known(table, columns)
        repeated = [cell for cell, count in Counter(table.rows.cells(table.image)).items() if count > 1]
        if repeated:
            raise layout_error(path, f"{len(repeated)} photographs have several rows ({named(repeated)}); keep one")
        classes |= dict.fromkeys(table.rows.columns[number] for number in columns)
        found.notes += [*texts.note_on(path, table.rows.encoding), *_no_classes(survey, table, columns)]
        found.left_out += survey.missing(table.rows.cells(table.image), table.found, path)
        for row, split in zip(table.rows.rows, splits_of(survey, table), strict=True):
            if name := table.found.get(row[table.image]):
                shown = (table.rows.columns[number] for number in columns if row[number].lower() in YES)
                found.entries[name] = Entry(tuple(shown), split)
    found.classes = tuple(classes)
    return found


def _no_classes(survey: Survey, table: Table, columns: list[int]) -> list[str]:
    """A sentence on the columns that are passed over, which may be classes with a cell mistyped."""
    others = [number for number in table.others if number not in columns and number != table.split]
    known = YES | NO | UNKNOWN
    strange = {
        table.rows.columns[number]: [cell for cell in table.rows.cells(number) if cell.lower() not in known]
        for number in others
    }
    shown = [f"{heading} ({cells[0]!r})" for heading, cells in strange.items() if cells]
    name = survey.below(table.rows.path)
    return [f"Columns of {name} that hold more than 0 and 1 are no classes: {named(shown)}."] if shown else []


def _require_known(table: Table, columns: list[int]) -> None:
    unknown = sum(row[number].lower() in UNKNOWN for row in table.rows.rows for number in columns)
    if unknown:
        raise layout_error(
            table.rows.path,
            f"{unknown} of its cells are empty or -1, which may mean that nobody has looked; fill them, or count them"
            " as 0 by --unknown absent",
        )
