"""Opens the true masks: for what measures or shows, and for full supervision."""

from wsss_core.data.index import Index
from wsss_core.data.masks import Masks, open_masks
from wsss_core.data.source import Source
from wsss_core.params import Params


def open_truth(params: Params, index: Index) -> Masks:
    """The masks of the data set that `params` describe."""
    return open_masks(Source(**params.dataset.source()), index)
