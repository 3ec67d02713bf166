"""A table of tags that says which classes photographs hold, so that they get no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wsss_core.data.tables import read_tag_table
from wsss_core.prediction.sources import Sources
from wsss_core.problems import named, suggestion


def read(table: Path, sources: Sources, *, classes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """name -> ascending class ids in 1..C of each photograph, by a CSV with the columns `image` and `labels`.

    Raises:
        ValueError: it is missing, names what is no class of the network, or leaves photographs out.
        DatasetError: it is no such table.
    """
    if not table.exists():
        raise ValueError(f"{table} does not exist; give --tags a table with the columns image,labels")
    found = read_tag_table(table, images=sources.folder, classes=classes).tags
    missing = [name for name in sources.files if name not in found]
    if missing:
        raise ValueError(
            f"{table} has no row for {len(missing)} of {len(sources.files)} photographs ({named(missing)}); add one for"
            " each, with an empty cell where a photograph holds none of the classes"
        )
    labels = {name: label for label, name in enumerate(classes, start=1)}
    unknown = sorted({tag for name in sources.files for tag in found[name]} - set(labels))
    if unknown:
        raise ValueError(
            f"{table} names {named(unknown)}, which the network does not know{suggestion(unknown[0], labels)}; it knows"
            f" {named(list(classes))}"
        )
    return {name: tuple(sorted({labels[tag] for tag in found[name]})) for name in sources.files}
