"""Weight-free saliency detectors: one a file, whose name is the value of `saliency.method`."""
