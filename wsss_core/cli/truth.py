"""Opens the true masks: for `evaluate`, `report` and full supervision only."""

from wsss_core.data.index import Index
from wsss_core.data.masks import Masks, open_masks
from wsss_core.params import Params


def open_truth(params: Params, index: Index) -> Masks:
    """The masks of the data set that `params` describe."""
    dataset = params.dataset
    fields = dataset.model_dump(include={"format", "root", "masks", "train", "val"})
    return open_masks(**fields, index=index)
