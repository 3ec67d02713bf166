"""The upper bound: the pipeline's DeepLab on true masks."""
