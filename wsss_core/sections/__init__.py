"""The sections of params.yaml: each key once, with its type, range, shipped value and comment."""
