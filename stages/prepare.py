"""Read the data set once and write the index that every later stage depends on."""

from wsss_core import layout, manifests, supervision
from wsss_core.cli.stage import command, ensure_scenes, source_of
from wsss_core.code_digest import module_of
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.params import Params
from wsss_core.training import environment
from wsss_core.training.provenance import Provenance


@command
def main(params: Params) -> None:
    """Index the photographs: ids, splits, tags, sizes, content digests."""
    ensure_scenes(params)
    source = source_of(params)
    index = build_index(read_listing(source), source, workers=environment.workers())
    index.write(layout.INDEX)
    manifests.write(
        layout.INDEX.parent, stage="prepare", params=params.dataset.model_dump(), paths=[layout.INDEX],
        supervised_by=supervision.PIXELS if index.supervision == "pixels" else supervision.TAGS,
    )  # fmt: skip
    Provenance.of([module_of(__file__)]).write(layout.INDEX.parent)


if __name__ == "__main__":
    main()
