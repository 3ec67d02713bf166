"""SSNet's page of the report, and its line in the table of all methods."""

from __future__ import annotations

from wsss_core import layout, remedies
from wsss_core.methods.ssnet.section import SSNet
from wsss_core.params import Params
from wsss_core.report import strips, tables
from wsss_core.report.contents import Compared, Contents
from wsss_core.report.strips import Column
from wsss_core.supervision import SALIENCY_NETWORKS

YEAR = 2019
NAME = "ssnet"


def page(params: Params) -> Contents:
    """Two networks, the labels between them, and the last one's saliency maps."""
    pseudo, maps = layout.METHOD_LABELS / NAME, layout.PREDICTED_SALIENCY / NAME / "val"
    titles = {network: tables.title(network) for network in ("ssnet_round_1", NAME)}
    return Contents(
        page=NAME,
        rows=("ssnet_round_1", "ssnet_pseudo_labels", NAME),
        trainings={"ssnet_round_1": titles["ssnet_round_1"], "ssnet_round_2": titles[NAME]},
        needed=dict.fromkeys([pseudo, maps], remedies.graph_of(NAME)),
        counted={"pseudo-labels": pseudo},
        networks=titles,
        train=[Column("Pseudo-labels", "labels", strips.labels_in(pseudo))],
        val=strips.saliency_columns(maps),
        saliency="ssnet_saliency",
        subject=titles[NAME],
        goals={NAME: "ssnet_round_1"},
        unfolded=(NAME,),
        notes=_notes(params),
    )


def compared(params: Params) -> list[Compared]:
    """The second step's network; the first one's labels and the last one's saliency maps."""
    return [Compared(NAME, "ssnet_pseudo_labels", "ssnet_saliency", ("ssnet_round_1", "ssnet_round_2"))]


def _notes(params: Params) -> tuple[str, ...]:
    p: SSNet = params.ssnet
    if p.saliency_set.images is not None:
        return ()
    method = params.saliency.method
    kind = "network" if method in SALIENCY_NETWORKS else "detector"
    source = "a folder" if method == "folder" else f"the {kind} {method}"
    return (f"SSNet learnt saliency from maps of {source} instead of masks: no reproduction of the paper.",)
