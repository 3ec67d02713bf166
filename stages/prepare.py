"""Read the data set once and write the index that every later stage depends on."""

from pathlib import Path

from wsss_core import code_digest, layout, manifests, supervision
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.data.source import Source
from wsss_core.frame.stage import command, of_one_process
from wsss_core.params import Params
from wsss_core.runtime import environment
from wsss_core.runtime.provenance import Provenance
from wsss_core.scenes import generator as scenes


@command
@of_one_process
def main(params: Params) -> None:
    """Index the photographs: ids, splits, tags, sizes, content digests."""
    if params.dataset.format == "scenes":
        scenes.ensure(Path(params.dataset.root), **params.dataset.scenes.model_dump())
    source = Source(**params.dataset.source())
    index = build_index(read_listing(source), source, workers=environment.workers())
    index.write(layout.INDEX)
    manifests.write(
        layout.INDEX.parent, stage="prepare", params=params.dataset.model_dump(), names=[layout.INDEX.name],
        supervised_by=supervision.PIXELS if index.supervision == "pixels" else supervision.TAGS,
    )  # fmt: skip
    Provenance.of(code_digest.of_stage(__file__)).write(layout.INDEX.parent)


if __name__ == "__main__":
    main()
