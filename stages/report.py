"""Everything worth looking at in one HTML file, and one scene through all stages as a picture."""

import click

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.cli.truth import open_truth
from wsss_core.data.index import Index
from wsss_core.params import Params
from wsss_core.report import figures, page, strips, tables
from wsss_core.report.label_shares import label_shares
from wsss_core.report.strips import Strip

PICTURE = layout.REPORTS / "pictures" / "pipeline.png"
_MADE_BY = {
    layout.CAMS: "infer_cam",
    layout.CAM_CRF: "cam_crf",
    layout.AFFINITY_LABELS: "affinity_labels",
    layout.RANDOM_WALK: "random_walk",
    layout.FUSED: "fuse",
    layout.PSEUDO_LABELS: "refine_crf",
}
_COUNTED = {
    "affinity labels": layout.AFFINITY_LABELS,
    "fused": layout.FUSED,
    "pseudo-labels": layout.PSEUDO_LABELS,
}


@command
@click.option("--method", help="Show this method of another graph beside the pipeline, on a page of its own.")
def main(params: Params, method: str | None) -> None:
    """Write the report's page and its picture, or the page of another graph's method."""
    index, methods = open_index(params), (method,) if method else ()
    page_file = layout.REPORTS / f"{method or 'report'}.html"
    truth = open_truth(params, index)
    for folder, stage in _MADE_BY.items():
        require(folder, stage=stage)
    oracle = tables.figure(artifacts.read_json(layout.METRICS / "cam.json"), "oracle_threshold")
    stages = {
        "train": strips.training_columns(oracle_threshold=oracle),
        "val": strips.prediction_columns({name: tables.title(name) for name in ("deeplab", *methods)}),
    }
    drawn = {
        split: strips.draw(
            index, truth, ids=strips.spread(index.ids(split), params.report.num_images), columns=columns
        )
        for split, columns in stages.items()
    }
    results = page.Results(
        metrics=layout.METRICS,
        history=layout.HISTORY,
        plots=layout.PLOTS,
        confusions=layout.CONFUSION,
        strips=drawn,
        label_shares={name: label_shares(folder, index.ids("train")) for name, folder in _COUNTED.items()},
        settings=_settings(params),
        links=[path for path in sorted(layout.REPORTS.glob("*.html")) if path != page_file],
        notes=_notes(index),
        methods=methods,
    )
    artifacts.write_text(page_file, page.render(index, truth, results))
    if method is None:
        _write_picture(index, drawn["train"])


def _settings(params: Params) -> dict[str, str]:
    backbone = params.backbone
    shown = f"{backbone.name}, output stride {backbone.output_stride}, weights: {backbone.weights}"
    return {"Backbone": shown, "Seed": str(params.seed)}


def _notes(index: Index) -> list[str]:
    notes = []
    if not strips.finished(layout.SALIENCY):
        notes.append(f"{layout.SALIENCY} holds no finished output, so saliency is not shown.")
    if index.ids("val") and not strips.finished(layout.PREDICTIONS / "deeplab"):
        notes.append("DeepLab has not predicted the validation images yet: `dvc repro predict`.")
    return notes


def _write_picture(index: Index, drawn: list[Strip]) -> None:
    """The strip with the most classes as a PNG; the first of equals."""
    richest = max(drawn, key=lambda strip: len(strip.tags))
    legend = [(index.classes[tag - 1], tag) for tag in richest.tags]
    tiles = [tile for tile in richest.tiles if tile.title in strips.STORY]
    with artifacts.atomic(PICTURE) as temporary:
        figures.contact_sheet(tiles, legend).save(temporary, format="PNG")


if __name__ == "__main__":
    main()
