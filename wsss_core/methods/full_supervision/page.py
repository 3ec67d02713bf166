"""The upper bound's page of the report, and its line in the table of all methods."""

from __future__ import annotations

from wsss_core.params import Params
from wsss_core.report.contents import Compared, Contents, of_pipeline, with_cam

YEAR = 9999  # the last line
NAME = "full_supervision"


def page(params: Params) -> Contents:
    """The network that learnt true masks, beside the default pipeline."""
    return of_pipeline(NAME)


def compared(params: Params) -> list[Compared]:
    """The DeepLab that learnt the true masks."""
    return [Compared(NAME, None, None, with_cam(params.train_deeplab.init == "cam", NAME))]
