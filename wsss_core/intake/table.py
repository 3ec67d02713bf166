"""The table of tags that is written into the project, and the project's reading of it."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from wsss_core import artifacts, manifests
from wsss_core.data.formats.folder import images_folder
from wsss_core.data.image_folder import list_images
from wsss_core.data.listing import scan_listing
from wsss_core.data.masks import mask_folder
from wsss_core.data.source import Source
from wsss_core.evaluation.csv_table import csv_text
from wsss_core.intake.placing import USED, read_table
from wsss_core.intake.records import Entry
from wsss_core.intake.survey import Survey
from wsss_core.problems import DatasetError, named
from wsss_core.runtime import environment
from wsss_core.sections.data import Dataset

UNLABELLED, COPY, UNUSED = "unlabelled", "copy", "unused"
"""Splits of photographs that are not used, in the table: nobody has looked; the bytes of another; two of a name."""
_BETWEEN = ";"


def dataset_keys(
    survey: Survey, entries: Mapping[str, Entry], *, classes: tuple[str, ...], table: Path, masks: Path | None
) -> dict[str, object]:
    """The keys of params.yaml by which the project reads the folder and the table."""
    below = _common_folder(survey, entries)
    images = None if below == images_folder(survey.folder, None) else below.relative_to(survey.folder)
    return {
        "format": "folder",
        "root": str(survey.folder),
        "images": None if images is None else images.as_posix(),
        "labels": str(table.resolve()),
        "classes": list(classes),
        "train": "train",
        "val": "val" if any(entry.split == "val" for entry in entries.values()) else "",
        "masks": None if masks is None else masks.relative_to(survey.folder).as_posix(),
    }


def _common_folder(survey: Survey, entries: Mapping[str, Entry]) -> Path:
    """The innermost folder below which all these photographs lie."""
    parents = [survey.photographs[name].parent for name in entries]
    return Path(os.path.commonpath(parents))


def text_of(
    survey: Survey, entries: Mapping[str, Entry], copy_of: Mapping[str, str], dataset: Mapping[str, object]
) -> str:
    """The table: a row for each picture in the images' folder, those that are not used in splits of other names."""
    source = source_of(dataset)
    images = images_folder(source.root, source.images)
    ids = {path: name for name, path in survey.photographs.items()}
    rows = []
    for paths in list_images(images, skip=[mask_folder(source)]).files.values():
        name = ids.get(paths[0], "")
        entry = entries.get(name, Entry(None))
        if entry.tags is None:
            split = COPY if name in copy_of else UNLABELLED if name else UNUSED
        else:
            split = entry.split
        labels = _BETWEEN.join(sorted(entry.tags or ()))
        rows.append((paths[0].relative_to(images).as_posix(), labels, split))
    return csv_text(("image", "labels", "split"), rows)


def source_of(dataset: Mapping[str, object]) -> Source:
    """The data set that keys of params.yaml describe; those that are not set are as shipped."""
    return Source(**Dataset.model_validate({**dataset}).source())


def disagreement(survey: Survey, entries: Mapping[str, Entry], dataset: Mapping[str, object], text: str = "") -> str:
    """Where the project reads other tags or splits than these; empty where it reads the same.

    Args:
        survey, entries: the folder, and what is to be read.
        dataset: the keys of params.yaml.
        text: of the table that `labels` names, which need not be written yet.
    """
    with tempfile.TemporaryDirectory() as folder:
        if text:
            table = Path(folder) / "labels.csv"
            table.write_text(text, encoding="utf-8")
            dataset = {**dataset, "labels": str(table)}
        try:
            listing, problems = scan_listing(source_of(dataset))
        except DatasetError as error:
            return str(error)
    errors = [problem.message for problem in problems if problem.severity == "error"]
    if errors:
        return errors[0]
    ids = {path: name for name, path in survey.photographs.items()}
    split_of = {name: split for split, names in listing.splits.items() for name in names}
    read = {ids[listing.images[name]]: (set(listing.tags[name]), split) for name, split in split_of.items()}
    wanted = {name: (set(entry.tags or ()), entry.split) for name, entry in entries.items() if entry.split in USED}
    differing = sorted(name for name in read.keys() | wanted.keys() if read.get(name) != wanted.get(name))
    return f"it reads other tags or splits of {len(differing)} photographs ({named(differing)})" if differing else ""


def write(table: Path, text: str) -> None:
    """Write the table, whole or not at all, and remember that it was written so."""
    artifacts.write_text(table, text)
    with suppress(OSError):  # then a table that says otherwise is not replaced unasked
        artifacts.write_json(_remembered(), {str(table.resolve()): manifests.bytes_digest(text.encode())})


def changed_by_hand(table: Path, text: str) -> str:
    """What a table says otherwise than the text that would take its place; empty for nothing that somebody wrote.

    A table that is as `write` left it may be replaced by any other.
    """
    if not table.exists():
        return ""
    written = {}
    with suppress(artifacts.ArtifactError, OSError, ValueError):
        written = artifacts.read_json(_remembered())
    if isinstance(written, dict) and written.get(str(table.resolve())) == manifests.file_digest(table):
        return ""
    before, now = read_table(table), {row[0]: (row[1], row[2]) for row in csv.reader(text.splitlines())}
    if not before.keys() & now.keys():
        return "names none of these photographs" if before else "is no table of tags"
    differing = sorted(name for name in before.keys() & now.keys() if _tags(before[name]) != _tags(now[name]))
    return f"has other tags for {len(differing)} photographs ({named(differing)})" if differing else ""


def _remembered() -> Path:
    return environment.resume_folder() / "tables.json"


def _tags(cells: tuple[str, str]) -> set[str]:
    return {tag.strip() for tag in cells[0].split(_BETWEEN)}
