"""Everything worth looking at in one HTML file, and one scene through all stages as a picture."""

import click

from wsss_core import artifacts, graphs, layout, registry
from wsss_core.data.index import Index
from wsss_core.frame import page
from wsss_core.frame.stage import command, of_one_process, open_index, require_whole
from wsss_core.params import Params
from wsss_core.report import strips
from wsss_core.report.strips import Strip

"""The method of the default graph."""
PICTURE = layout.REPORTS / "pictures" / "pipeline.png"


@command
@click.option(
    "--method",
    type=click.Choice(registry.names("page")),
    default=graphs.DEFAULT,
    show_default=True,
    help="Write the page of this method's graph.",
)
@of_one_process
def main(params: Params, method: str) -> None:
    """Write the report's page and its picture, or the page of another graph's method."""
    index, shown = open_index(params), registry.part(method, "page").page(params)
    for folder, stage in shown.needed.items():
        require_whole(folder, stage=stage)
    _, drawn = page.write(params, index, shown)
    if method == graphs.DEFAULT:
        _write_picture(index, drawn)


def _write_picture(index: Index, drawn: list[Strip]) -> None:
    """The strip with the most classes as a PNG; the first of equals."""
    from wsss_core.report import figures  # and matplotlib, without which the processes of the image browser start

    richest = max(drawn, key=lambda strip: len(strip.tags))
    legend = [(index.classes[tag - 1], tag) for tag in richest.tags]
    tiles = [tile for tile in richest.tiles if tile.title in strips.STORY]
    with artifacts.atomic(PICTURE) as temporary:
        figures.contact_sheet(tiles, legend).save(temporary, format="PNG")


if __name__ == "__main__":
    main()
