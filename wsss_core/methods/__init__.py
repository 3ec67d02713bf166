"""The single-stage and joint methods, one module each; what several share has a module of its own."""

METHODS = ("rrm", "aalr")
"""Modules of this package with a function `recipe`; each has its section in params.yaml and its graph in pipelines/."""
