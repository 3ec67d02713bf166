"""Where each artifact lies, relative to the repository's root: the names that dvc.yaml uses too."""

import re
from pathlib import Path

from wsss_core import registry

PARAMS = Path("params.yaml")
GRAPH = Path("dvc.yaml")
GRAPHS = Path("pipelines")
DIGESTS = Path("data/digests")
CODE = DIGESTS / "code"
INDEX = Path("data/index/index.json")
WEIGHTS = DIGESTS / "weights"
TRUTH = DIGESTS / "masks.json"
CAMS = Path("data/cam")
CAM_CRF = Path("data/pseudo_labels/cam_crf")
AFFINITY_LABELS = Path("data/affinity_labels")
RANDOM_WALK = Path("data/random_walk")
SALIENCY = Path("data/saliency")
FUSED = Path("data/fused")
PSEUDO_LABELS = Path("data/pseudo_labels/affinitynet")
METHOD_LABELS = Path("data/pseudo_labels")
SNAPSHOTS = Path("data/snapshots")
AFFINITY_MAPS = Path("data/affinity_maps")
PREDICTIONS = Path("data/predictions")
PREDICTED_SALIENCY = Path("data/predicted_saliency")
MODELS = Path("models")
REPORTS = Path("reports")
METRICS = REPORTS / "metrics"
HISTORY = REPORTS / "history"
TIMES = REPORTS / "times"
PROVENANCE = REPORTS / "provenance"
PLOTS = REPORTS / "plots"
CONFUSION = REPORTS / "confusion"

_OF_DEFAULT_GRAPH = ("affinitynet", "cam_crf", "cam", "affinity", "deeplab")
_OF_METHODS = (METHOD_LABELS, PREDICTIONS, PREDICTED_SALIENCY, SNAPSHOTS, AFFINITY_MAPS, MODELS)
_OF_ALL = (INDEX.parent, DIGESTS, CAMS, AFFINITY_LABELS, RANDOM_WALK, SALIENCY, FUSED, REPORTS)
OUTPUTS = (*_OF_ALL, *_OF_METHODS)
"""The folders below which lies all that stages write."""


def graph_of(method: str) -> Path:
    """The graph whose stages make a method's artifacts; second steps and rounds belong to it too."""
    return GRAPHS / _method_of(method) / "dvc.yaml"


def _of_graphs() -> tuple[str, ...]:
    """The methods that have a graph of their own in pipelines/."""
    return registry.names("page")


def _method_of(name: str) -> str:
    return re.sub(r"(_two_step|_round_\d+)$", "", name)


def made_by(path: Path) -> str:
    """The command that makes an artifact anew: of the default graph, or of the method in whose folder it lies."""
    for folder in _OF_METHODS:
        name = _name_below(folder, path)
        if name and name not in _OF_DEFAULT_GRAPH:
            return f"dvc repro {graph_of(name).as_posix()}"
        if name and folder == MODELS:
            return f"dvc repro train_{name}"
    return "dvc repro train_deeplab" if path.suffix == ".pt" else "dvc repro"


def made_anew(path: Path) -> str:
    """The command that replaces a damaged artifact, of which `path` is a file.

    Where files are links into DVC's cache, the damage lies there too, and DVC takes what is read-only for sound unread.
    A file that was copied elsewhere is none of DVC's.
    """
    ours = path.parts[:1] in (("data",), ("models",))
    return f"chmod -R u+w {path.parent} && {made_by(path)}" if ours else made_by(path)


def is_made(path: Path) -> bool:
    """Whether a stage writes what lies there, as far as the place tells: `made_by` helps with nothing else."""
    if any(_method_of(_name_below(folder, path)) in (*_OF_DEFAULT_GRAPH, *_of_graphs()) for folder in _OF_METHODS):
        return True
    return any(f"/{folder.as_posix()}/" in f"/{path.as_posix()}/" for folder in _OF_ALL)


def _name_below(folder: Path, path: Path) -> str:
    """Whose part of the folder a path leads into; nothing where it does not."""
    _, _, below = f"/{path.as_posix()}/".rpartition(f"/{folder.as_posix()}/")
    return below.partition("/")[0]


def provenance_of(out: Path) -> Path:
    """Where it is recorded what made an artifact."""
    return PROVENANCE / f"{out.relative_to(out.anchor).as_posix()}.json"


def round_folder(folder: Path, number: int | None) -> Path:
    """Where a method in rounds keeps what one of them made; None: the method's own folder."""
    return folder if number is None else folder / f"round_{number}"


def round_name(method: str, number: int | None) -> str:
    """What a round of a method is called where names are files: histories, metrics, predictions."""
    return method if number is None else f"{method}_round_{number}"
