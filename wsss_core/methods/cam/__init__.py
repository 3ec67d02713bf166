"""The classifier of tags whose weights are its class activation maps: where every pipeline begins."""
