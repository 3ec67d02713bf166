"""The page of corrected labels, and their line in the table of all methods."""

from __future__ import annotations

from pathlib import Path

from wsss_core import layout, remedies
from wsss_core.params import Params
from wsss_core.report import tables
from wsss_core.report.contents import Compared, Contents, with_cam

YEAR = 9998  # before the upper bound
NAME = "corrected"


def page(params: Params) -> Contents:
    """The labels after correction, and the DeepLab that learnt them."""
    labels, title = layout.METHOD_LABELS / NAME, tables.title(NAME)
    return Contents(
        page=NAME,
        subject=title,
        rows=(f"{NAME}_pseudo_labels", NAME),
        trainings={NAME: title},
        needed={labels: remedies.graph_of(NAME)},
        counted={"corrected labels": labels},
        networks={NAME: title},
        train=(),
        unfolded=(NAME,),
    )


def compared(params: Params) -> list[Compared]:
    """The DeepLab that learnt them; no line where nothing was corrected."""
    if not Path(params.corrected.folder).is_dir():
        return []
    return [Compared(NAME, f"{NAME}_pseudo_labels", None, with_cam(params.train_deeplab.init == "cam", NAME))]
