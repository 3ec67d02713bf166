"""`wsss sheet`: random images with their labels on one page, to judge by eye and to count."""

from pathlib import Path

import click

from wsss_core import artifacts, layout, manifests
from wsss_core.frame.stage import PATH, open_index, telling_errors
from wsss_core.params import load_params
from wsss_core.remedies import made_by

OUT = layout.REPORTS / "sheet.html"


@click.command()
@click.argument("folder", type=PATH, default=layout.PSEUDO_LABELS)
@click.option("--count", type=click.IntRange(1, 1000), default=40, show_default=True, help="Images on the page.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="By which they are drawn.")
@click.option("--params", "params_file", type=PATH, default=layout.PARAMS, show_default=True, help="The parameters.")
@telling_errors
def sheet(folder: Path, count: int, seed: int, params_file: Path) -> None:
    """Write reports/sheet.html: random images of FOLDER with their labels, and a form that counts your verdicts.

    FOLDER holds label maps of a stage: the pseudo-labels, unless you name others (data/predictions/deeplab).
    """
    from wsss_core.report import sheet as page

    index = open_index(load_params(params_file))
    if not (folder / artifacts.MANIFEST).exists():
        raise click.UsageError(f"{folder} holds no finished label maps; run `{made_by(folder)}` first, or name others")
    manifests.check(folder)
    ids = [image_id for image_id in sorted(index.records) if artifacts.png_path(folder, image_id).exists()]
    if not ids:
        raise click.UsageError(f"{folder} holds no label map of a photograph of this data set")
    drawn = page.drawn_ids(ids, count=count, seed=seed)
    artifacts.write_text(OUT, page.render(index, folder, drawn, seed=seed))
    click.echo(f"wrote {OUT}: {len(drawn)} of {len(ids)} label maps of {folder}")
