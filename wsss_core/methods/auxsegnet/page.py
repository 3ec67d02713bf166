"""AuxSegNet's page of the report, and its line in the table of all methods."""

from __future__ import annotations

from wsss_core import layout, remedies
from wsss_core.methods.auxsegnet.section import AuxSegNet
from wsss_core.params import Params
from wsss_core.report import strips, tables
from wsss_core.report.contents import Compared, Contents
from wsss_core.report.strips import Column

YEAR = 2021
NAME = "auxsegnet"


def page(params: Params) -> Contents:
    """Labels and saliency maps of each round, and the affinities of a pixel."""
    p: AuxSegNet = params.auxsegnet
    name, graph, last = NAME, remedies.graph_of(NAME), p.last_round
    labels = [layout.round_folder(layout.METHOD_LABELS / name, number) for number in range(last + 1)]
    maps = [layout.SALIENCY]
    maps += [layout.round_folder(layout.PREDICTED_SALIENCY / name, number) for number in range(1, last + 1)]
    predicted = layout.PREDICTED_SALIENCY / name / "val"
    rounds = [layout.round_name(name, number) for number in range(1, last + 1)]
    columns = [Column("CAM", "heat", strips.scores_in(layout.CAMS))]
    for number, (of_round, salient) in enumerate(zip(labels, maps, strict=True)):
        columns.append(Column(f"Saliency {number}", "grey", strips.grey_in(salient)))
        columns.append(Column(f"Labels {number}", "labels", strips.labels_in(of_round)))
    return Contents(
        page=name,
        rows=(*(f"{name}_rounds/round_{number}" for number in range(last + 1)), name),
        trainings={each: tables.title(each) for each in rounds},
        needed={layout.CAMS: "infer_cam", layout.SALIENCY: "saliency",
                **dict.fromkeys([*labels, *maps[1:], predicted, layout.AFFINITY_MAPS / name], graph)},
        counted={f"labels {number}": folder for number, folder in enumerate(labels)},
        networks={name: tables.title(name)},
        train=[*columns, *strips.affinity_columns(layout.AFFINITY_MAPS / name)],
        val=strips.saliency_columns(predicted),
        saliency=f"{name}_saliency",
        subject=tables.title(name),
        unfolded=(name,),
        goals={f"{name}_rounds/round_{last}": f"{name}_rounds/round_0"},
    )  # fmt: skip


def compared(params: Params) -> list[Compared]:
    """The last round's network, the labels that it learns, its saliency maps."""
    p: AuxSegNet = params.auxsegnet
    last = p.last_round
    trainings = tuple(layout.round_name(NAME, number) for number in range(1, last + 1))
    labels = f"{NAME}_rounds/round_{last - 1}"
    return [Compared(NAME, labels, f"{NAME}_saliency", ("train_cam", *trainings))]
