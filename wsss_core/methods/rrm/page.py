"""RRM's page of the report, and its lines in the table of all methods."""

from __future__ import annotations

from wsss_core import layout, remedies
from wsss_core.methods.rrm.section import Rrm
from wsss_core.params import Params
from wsss_core.report import tables
from wsss_core.report.contents import Compared, Contents, with_cam

YEAR = 2020
NAME, SECOND = "rrm", "rrm_two_step"
NOTE = "it makes its labels anew at every step"


def page(params: Params) -> Contents:
    """One network that makes its own labels, and the DeepLab of the second step on that network's labels."""
    labels, titles = layout.METHOD_LABELS / NAME, {name: tables.title(name) for name in (NAME, SECOND)}
    return Contents(
        page=NAME,
        subject=titles[NAME],
        rows=(NAME, f"{NAME}_pseudo_labels", SECOND),
        trainings=titles,
        needed=dict.fromkeys([layout.SNAPSHOTS / NAME, labels], remedies.graph_of(NAME)),
        counted={"pseudo-labels": labels},
        networks=titles,
        snapshots=layout.SNAPSHOTS / NAME,
        goals={SECOND: NAME},
        unfolded=(NAME, SECOND),
    )


def compared(params: Params) -> list[Compared]:
    """Its network, and the second step's."""
    p: Rrm = params.rrm
    first = p.schedule == "cls"
    both = first or params.train_deeplab.init == "cam"
    return [
        Compared(NAME, None, None, with_cam(first, NAME), note=NOTE),
        Compared(SECOND, f"{NAME}_pseudo_labels", None, with_cam(both, NAME, SECOND)),
    ]
