"""AA&LR's page of the report, and its line in the table of all methods."""

from __future__ import annotations

from wsss_core import layout, remedies
from wsss_core.methods.aalr.section import Aalr
from wsss_core.params import Params
from wsss_core.report import tables
from wsss_core.report.contents import Compared, Contents, with_cam

YEAR = 2021
NAME = "aalr"
NOTE = "it makes its labels anew at every step"


def page(params: Params) -> Contents:
    """One network that makes its own labels."""
    titles = {NAME: tables.title(NAME)}
    return Contents(
        page=NAME,
        subject=titles[NAME],
        rows=(NAME,),
        trainings=titles,
        needed={layout.SNAPSHOTS / NAME: remedies.graph_of(NAME)},
        counted={},
        networks=titles,
        snapshots=layout.SNAPSHOTS / NAME,
        unfolded=(NAME,),
    )


def compared(params: Params) -> list[Compared]:
    """Its network."""
    p: Aalr = params.aalr
    return [Compared(NAME, None, None, with_cam(p.schedule == "cls", NAME), note=NOTE)]
