"""Read the data set once and write the index that every later stage depends on."""

from pathlib import Path

from wsss_core import layout
from wsss_core.cli.stage import command
from wsss_core.data import scenes
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.params import Params
from wsss_core.training import environment


@command
def main(params: Params) -> None:
    """Index the photographs: ids, splits, tags, sizes, content digests."""
    dataset = params.dataset
    if dataset.format == "scenes":
        scenes.ensure(Path(dataset.root), **dataset.scenes.model_dump())
    listing = read_listing(**dataset.model_dump(exclude={"scenes"}))
    index = build_index(listing, Path(dataset.root), format=dataset.format, workers=environment.workers())
    index.write(layout.INDEX)


if __name__ == "__main__":
    main()
