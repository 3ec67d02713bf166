"""The single-stage and joint methods, one module each; what several share has a module of its own."""

METHODS = ("rrm", "aalr", "ssnet", "auxsegnet")
"""Modules of this package with a function `recipe`; each has its section in params.yaml and its graph in pipelines/."""

IN_ROUNDS = ("ssnet", "auxsegnet")
"""Those that train several networks, each on what the one before it made: recipe(params, number)."""
