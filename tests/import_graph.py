"""The project's files and what they import, as the tests of the structure see them."""

from wsss_core.code_digest import PACKAGES, ROOT, direct, path_of, reachable

__all__ = ["PACKAGES", "ROOT", "direct", "path_of", "reachable"]
