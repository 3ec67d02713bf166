"""How DVC runs a stage, where that decides whether the stage can find its files and keep what it makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from wsss_core import layout
from wsss_core.params import Params

_PARENTS_OF_OUTS = (
    layout.INDEX.parent.parent, layout.MODELS, layout.REPORTS, layout.METHOD_LABELS, layout.PREDICTIONS,
    layout.PREDICTED_SALIENCY, layout.SNAPSHOTS, layout.AFFINITY_MAPS,
)  # fmt: skip
_PATHS = ("root", "folder", "weights", "images", "masks")
"""Keys of params.yaml whose values are paths of the user's own files."""


def linked_outputs() -> str | None:
    """A sentence on the first folder of artifacts that is a link; None where there is none.

    DVC runs a stage, for hours, before it finds that it cannot keep what lies behind a link: "is outside of git
    repository". Links below data/raw and the links that DVC itself makes of single files are fine.
    """
    for folder in _PARENTS_OF_OUTS:
        if folder.is_symlink():
            return (
                f"{folder} is a link, and DVC keeps no artifact behind a link: make it a folder. To have the bytes on"
                " another disk, link the data set alone (data/raw, or an absolute dataset.root) and move DVC's cache"
                " there: `dvc cache dir --local PATH`"
            )
    return None


def refuse_linked_outputs() -> None:
    """End a stage that DVC runs, at once, where DVC would throw its work away in the end.

    Raises:
        ClickException: a folder of artifacts is a link.
    """
    reason = linked_outputs() if "DVC_STAGE" in os.environ else None
    if reason:
        raise click.ClickException(reason)


@contextmanager
def telling_of_a_copy(params: Params) -> Iterator[None]:
    """Adds to an error which of the files that `params` name are missing for the sake of how the experiment runs.

    `dvc exp run --temp` and queues run in a copy of the repository that holds what Git and DVC track, so that relative
    paths of other files lead nowhere.
    """
    try:
        yield
    except Exception as error:
        note = _missing_in_the_copy(params)
        if note and isinstance(error, click.ClickException):
            error.message = f"{error.message}\n{note}"  # type: ignore[misc]
        elif note:
            error.add_note(note)
        raise


def _missing_in_the_copy(params: Params) -> str | None:
    original = Path(os.environ.get("DVC_ROOT", ""))
    left = [path for path in paths_of(params) if not Path(path).exists()]
    left = [path for path in left if (original / path).exists()]
    if not left:
        return None
    copies = " ".join(f"--copy-paths {path}" for path in left)
    return (
        f"This experiment runs in a copy of {original} without what Git ignores, and {', '.join(left)} is such: write"
        f" absolute paths into params.yaml ({original / left[0]}), or queue the experiment with {copies}"
    )


def paths_of(params: Params) -> list[str]:
    """Every path of the user's that the parameters name, once each; artifacts, which DVC brings, are left out."""
    return list(dict.fromkeys(_paths(params.model_dump())))


def _paths(content: dict) -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _paths(value)
        elif key in _PATHS and isinstance(value, str) and not value.startswith(("models/", "data/saliency")):
            yield value
