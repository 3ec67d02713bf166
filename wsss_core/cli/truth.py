"""Opens the true masks: for `evaluate`, `report` and full supervision only."""

from wsss_core.cli.stage import open_source
from wsss_core.data.index import Index
from wsss_core.data.masks import Masks, open_masks
from wsss_core.params import Params


def open_truth(params: Params, index: Index) -> Masks:
    """The masks of the data set that `params` describe."""
    return open_masks(open_source(params), index)
