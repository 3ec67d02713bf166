"""Which command makes an artifact anew, for the sentences that tell what is wrong with one."""

import re
from pathlib import Path

from wsss_core import layout, registry
from wsss_core.layout import OF_ALL, OF_METHODS

_OF_DEFAULT_GRAPH = ("affinitynet", "cam_crf", "cam", "affinity", "deeplab")


def graph_of(method: str) -> Path:
    """The graph whose stages make a method's artifacts; second steps and rounds belong to it too."""
    if method in _OF_DEFAULT_GRAPH:
        return layout.GRAPH
    return layout.GRAPHS / _method_of(method) / "dvc.yaml"


def _method_of(name: str) -> str:
    return re.sub(r"(_two_step|_round_\d+)$", "", name)


def made_by(path: Path) -> str:
    """The command that makes an artifact anew: of the default graph, or of the method in whose folder it lies."""
    imported = _name_below(layout.CORRECTED, path)
    if imported:
        return f"wsss labels import SOURCE --from FORMAT --as {imported}"
    for folder in OF_METHODS:
        name = _name_below(folder, path)
        if name and name not in _OF_DEFAULT_GRAPH:
            return f"dvc repro {graph_of(name).as_posix()}"
        if name and folder == layout.MODELS:
            return f"dvc repro train_{name}"
    return "dvc repro train_deeplab" if path.suffix == ".pt" else "dvc repro"


def made_anew(path: Path) -> str:
    """The command that replaces a damaged artifact, of which `path` is a file.

    Where files are links into DVC's cache, the damage lies there too, and DVC takes what is read-only for sound unread.
    A file that was copied elsewhere is none of DVC's.
    """
    ours = path.parts[:1] in (("data",), ("models",)) and not _name_below(layout.CORRECTED, path)
    return f"chmod -R u+w {path.parent} && {made_by(path)}" if ours else made_by(path)


def is_made(path: Path) -> bool:
    """Whether a stage writes what lies there, as far as the place tells: `made_by` helps with nothing else."""
    methods = {*_OF_DEFAULT_GRAPH, *registry.names("page")}
    if any(_method_of(_name_below(folder, path)) in methods for folder in OF_METHODS):
        return True
    return any(f"/{folder.as_posix()}/" in f"/{path.as_posix()}/" for folder in OF_ALL)


def _name_below(folder: Path, path: Path) -> str:
    """Whose part of the folder a path leads into; nothing where it does not."""
    _, _, below = f"/{path.as_posix()}/".rpartition(f"/{folder.as_posix()}/")
    return below.partition("/")[0]
