"""Everything worth looking at in one HTML file, and one scene through all stages as a picture."""

import click

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command, open_index, require
from wsss_core.cli.truth import open_truth
from wsss_core.data.index import Index, spread
from wsss_core.methods import METHODS
from wsss_core.params import Params
from wsss_core.report import contents, figures, page, strips, tables
from wsss_core.report.contents import Contents
from wsss_core.report.label_shares import label_shares
from wsss_core.report.strips import Strip

PICTURE = layout.REPORTS / "pictures" / "pipeline.png"


@command
@click.option("--method", type=click.Choice((*METHODS, "full_supervision")), help="Write this graph's page instead.")
def main(params: Params, method: str | None) -> None:
    """Write the report's page and its picture, or the page of another graph's method."""
    index, shown = open_index(params), _contents(params, method)
    truth = open_truth(params, index)
    for folder, stage in shown.needed.items():
        require(folder, stage=stage)
    drawn = {
        "train": _draw_training(params, index, truth, shown),
        "val": strips.draw(
            index, truth, ids=spread(index.ids("val"), params.report.num_images),
            columns=[*strips.prediction_columns(shown.networks), *shown.val],
        ),
    }  # fmt: skip
    page_file = layout.REPORTS / f"{shown.page}.html"
    results = page.Results(
        metrics=layout.METRICS,
        history=layout.HISTORY,
        plots=layout.PLOTS,
        confusions=layout.CONFUSION,
        strips=drawn,
        label_shares={name: label_shares(folder, index.ids("train")) for name, folder in shown.counted.items()},
        settings=_settings(params),
        links=[path for path in sorted(layout.REPORTS.glob("*.html")) if path != page_file],
        notes=_notes(index, shown),
        rows=shown.rows,
        trainings=shown.trainings,
        moments=shown.moments,
        saliency=shown.saliency,
        subject=tables.title(method) if method else "",
    )
    artifacts.write_text(page_file, page.render(index, truth, results))
    if method is None:
        _write_picture(index, drawn["train"])


def _contents(params: Params, method: str | None) -> Contents:
    if method in METHODS:
        rounds = getattr(getattr(params, method), "rounds", ())
        return contents.of_method(method, num_rounds=len(rounds))
    return contents.of_pipeline(*([method] if method else []))


def _draw_training(params: Params, index: Index, truth, shown: Contents) -> list[Strip]:
    oracle = None
    if tables.BASELINE in shown.rows:
        oracle = tables.figure(artifacts.read_json(layout.METRICS / "cam.json"), "oracle_threshold")
    ids = contents.training_ids(shown, index.ids("train"))
    return strips.draw(
        index, truth, ids=spread(ids, params.report.num_images),
        columns=contents.training_columns(shown, oracle_threshold=oracle),
    )  # fmt: skip


def _settings(params: Params) -> dict[str, str]:
    backbone = params.backbone
    shown = f"{backbone.name}, output stride {backbone.output_stride}, weights: {backbone.weights}"
    return {"Backbone": shown, "Seed": str(params.seed)}


def _notes(index: Index, shown: Contents) -> list[str]:
    notes = []
    if tables.BASELINE in shown.rows and not strips.finished(layout.SALIENCY):
        notes.append(f"{layout.SALIENCY} holds no finished output, so saliency is not shown.")
    missing = [title for name, title in shown.networks.items() if not strips.finished(layout.PREDICTIONS / name)]
    if index.ids("val") and missing:
        notes.append(f"{', '.join(missing)}: the validation images are not predicted yet; `dvc repro` does it.")
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
