"""Labels that somebody corrected in an annotation tool, and the pipeline's DeepLab on them (docs/labels.md)."""
