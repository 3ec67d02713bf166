"""Which layout a folder has: the one that fits, or the choices where several do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from wsss_core.intake.records import Clue, Found, Options
from wsss_core.intake.survey import Survey
from wsss_core.intake.tables import SUFFIXES_OF_TABLES, open_table, read_rows
from wsss_core.problems import DatasetError, excerpt, layout_error, named

FOLDER = Path(__file__).parent / "layouts"

TEMPLATE = """\
image,labels
{first},dog;cat
{second},
"""
"""A table that somebody may begin with: two classes in one photograph, none in the other."""


@dataclass(frozen=True)
class Candidate:
    """A layout that a folder may have."""

    layout: str
    clue: Clue

    @property
    def shown(self) -> str:
        """How it is called in a message."""
        return f"{self.layout}: {module_of(self.layout).TITLE}; {self.clue.why}"


@dataclass(frozen=True)
class Recognised:
    """The layout that was taken, what it holds, and the others that the folder might have had."""

    candidate: Candidate
    found: Found
    others: tuple[Candidate, ...]


def names() -> tuple[str, ...]:
    """Of all layouts, ascending."""
    return tuple(sorted(path.stem for path in FOLDER.glob("[!_]*.py")))


def module_of(layout: str) -> ModuleType:
    """The module of a layout, imported now."""
    return import_module(f"wsss_core.intake.layouts.{layout}")


def recognise(
    survey: Survey, options: Options, *, layout: str | None = None, document: Path | None = None
) -> Recognised:
    """Read a folder by the layout that it has.

    Where several fit, they are read: if all say the same of all photographs, the one that tells most is taken.

    Args:
        survey: the folder.
        options: what the layout's reader must know.
        layout: the one to take, without asking others.
        document: the file that holds the tags; others are not looked at.

    Raises:
        DatasetError: none fits, or several do and differ; the text shows the choices.
    """
    candidates = [
        Candidate(name, clue)
        for name in ([layout] if layout else names())
        for clue in module_of(name).recognise(survey)
        if document is None or any(path.resolve() == document.resolve() for path in clue.documents)
    ]
    if not candidates:
        raise layout_error(survey.folder, _nothing(survey, layout, document))
    sure = [candidate for candidate in candidates if candidate.clue.is_sure] or candidates
    if len(sure) == 1:
        found = module_of(sure[0].layout).read(survey, sure[0].clue, options)
        return Recognised(sure[0], found, tuple(other for other in candidates if other is not sure[0]))
    return _agreeing(survey, sure, options)


def _agreeing(survey: Survey, candidates: list[Candidate], options: Options) -> Recognised:
    """Of candidates that say the same of all photographs the one that tells most; else DatasetError."""
    read: dict[int, Found] = {}
    told = []
    for number, candidate in enumerate(candidates):
        try:
            found = read[number] = module_of(candidate.layout).read(survey, candidate.clue, options)
            labelled = [entry.tags for entry in found.entries.values() if entry.tags is not None]
            classes = sorted({tag for tags in labelled for tag in tags})
            told.append(f"{candidate.shown}: {len(labelled)} photographs, classes {named(classes)}")
        except DatasetError as error:
            told.append(f"{candidate.shown}: {error}")
    tags = [{name: frozenset(entry.tags or ()) for name, entry in found.entries.items()} for found in read.values()]
    if len(read) < len(candidates) or any(other != tags[0] for other in tags):
        ways = sorted({candidate.layout for candidate in candidates})
        which = "--labels FILE" if len(ways) == 1 else f"--format ({', '.join(ways)}), and if need be --labels FILE"
        choices = "\n".join(f"  {line}" for line in told)
        raise AmbiguousLayout(f"{survey.folder} may be read in several ways that differ; choose by {which}:\n{choices}")
    best = max(read, key=lambda number: (bool(read[number].own), read[number].masks is not None, -number))
    others = tuple(other for number, other in enumerate(candidates) if number != best)
    return Recognised(candidates[best], read[best], others)


def _strangers(survey: Survey) -> Iterator[str]:
    """A clause on each table that names other photographs, or none."""
    for path in survey.documents(*SUFFIXES_OF_TABLES):
        if path in survey.complaints or open_table(survey, path) is not None:
            continue
        rows = read_rows(path).rows
        begins = f"its first row begins with {excerpt(repr(rows[0][0]), 60)}" if rows else "it has no rows"
        yield f"{survey.below(path)} is a table of which no column names these photographs ({begins})"


class AmbiguousLayout(ValueError):
    """A folder may be read in several ways that differ; the text shows them."""


def _nothing(survey: Survey, layout: str | None, document: Path | None) -> str:
    """Why no layout fits."""
    complaints = "".join(f" {told}." for told in (*survey.complaints.values(), *_strangers(survey)))
    if document is not None:
        if not document.is_file():
            return f"{document} is no file; give the one that holds the tags to --labels"
        return f"{document} is not understood: it names none of the photographs, or no tags.{complaints}"
    if layout is not None:
        return f"it is not what --format {layout} wants ({module_of(layout).TITLE}).{complaints}"
    photographs = [survey.below(path) for path in survey.photographs.values()]
    template = TEMPLATE.format(first=photographs[0], second=photographs[-1])
    count = "1 photograph lies" if len(photographs) == 1 else f"{len(photographs)} photographs lie"
    deep = sorted({name.rpartition("/")[0] for name in survey.photographs if name.count("/") > 1})
    but = f" (and none below it, as in {named(deep)})" if deep else ""
    return (
        f"{count} there, and nothing that is understood says what they show.{complaints} Sort them into a sub-folder"
        f" for each class{but}, or write a table beside them, a line for each, ';' between classes, nothing where"
        f" there is none: {template.strip()!r}"
    )
