"""A sheet of random images to judge by eye, as one HTML page with a form that counts the verdicts.

For data without masks it is the only figure of how good labels are: with 40 images a share is known to about +- 15 per
cent (95 %), which tells a recipe that works from one that does not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from wsss_core import manifests
from wsss_core.data.index import Index
from wsss_core.data.maps import Maps
from wsss_core.report import html
from wsss_core.report.overlays import Canvas

VERDICTS = {"good": "good", "usable": "usable, with faults", "wrong": "wrong"}
"""Value of a verdict -> what the form calls it."""


def drawn_ids(ids: Sequence[str], *, count: int, seed: int) -> list[str]:
    """`count` of the ids, drawn without replacement, in their order; all where there are fewer."""
    chosen = set(random.Random(seed).sample(sorted(ids), min(count, len(ids))))
    return [image_id for image_id in ids if image_id in chosen]


def render(index: Index, folder: Path, ids: Sequence[str], *, seed: int) -> str:
    """The page as HTML, with all its pictures inside; the same labels give the same text.

    Args:
        index: the photographs.
        folder: of the label maps.
        ids: of the images on it.
        seed: by which they were drawn; the page tells it.

    Raises:
        ArtifactError: a label map is missing or unreadable.
    """
    maps = Maps(folder, index)
    cards, contents = [], []
    for image_id in ids:
        canvas, labels = Canvas(index.image(image_id)), maps.labels(image_id)
        contents.append((image_id, manifests.bytes_digest(labels.tobytes())))
        cards.append({
            "id": image_id, "photo": canvas.photo, "labels": canvas.labels(labels),
            "tags": [(index.classes[tag - 1], tag) for tag in index[image_id].tags],
        })  # fmt: skip
    # Verdicts are kept in the browser under the labels that they are about: other labels begin anew.
    key = manifests.digest_of([folder.as_posix(), contents])
    template = html.template("sheet.html.jinja")
    return template.render(folder=folder.as_posix(), cards=cards, verdicts=VERDICTS, seed=seed, key=f"wsss-sheet-{key}")
