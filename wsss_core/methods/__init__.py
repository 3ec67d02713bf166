"""A folder a method, which owns all that is its own; what several share has a module here. See `wsss_core.registry`."""
