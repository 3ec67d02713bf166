"""Everything worth looking at in one HTML file, and one scene through all stages as a picture."""

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.cli.truth import open_truth
from wsss_core.data.index import Index
from wsss_core.params import Params
from wsss_core.report import figures, page, strips, tables
from wsss_core.report.label_shares import label_shares
from wsss_core.report.strips import Strip

PAGE = layout.REPORTS / "report.html"
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
def main(params: Params) -> None:
    """Write the report's page and its picture."""
    index = open_index(params)
    truth = open_truth(params, index)
    for folder, stage in _MADE_BY.items():
        require(folder, stage=stage)
    oracle = tables.figure(artifacts.read_json(layout.METRICS / "cam.json"), "oracle_threshold")
    stages = {
        "train": strips.training_columns(oracle_threshold=oracle),
        "val": strips.prediction_columns(),
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
        links=[path for path in sorted(layout.REPORTS.glob("*.html")) if path != PAGE],
        notes=_notes(index),
        bound_is_stale=_bound_is_stale(),
    )
    artifacts.write_text(PAGE, page.render(index, truth, results))
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


def _bound_is_stale() -> bool:
    """Whether the upper bound's network and DeepLab's were trained under different parameters."""
    manifests = [layout.MODELS / name / artifacts.MANIFEST for name in ("deeplab", tables.UPPER_BOUND)]
    if not all(path.exists() for path in manifests):
        return False
    deeplab, bound = (artifacts.read_json(path)["params"] for path in manifests)
    return deeplab != bound


def _write_picture(index: Index, drawn: list[Strip]) -> None:
    """The strip with the most classes as a PNG; the first of equals."""
    richest = max(drawn, key=lambda strip: len(strip.tags))
    legend = [(index.classes[tag - 1], tag) for tag in richest.tags]
    tiles = [tile for tile in richest.tiles if tile.title in strips.STORY]
    with artifacts.atomic(PICTURE) as temporary:
        figures.contact_sheet(tiles, legend).save(temporary, format="PNG")


if __name__ == "__main__":
    main()
