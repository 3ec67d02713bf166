"""Where each artifact lies, relative to the repository's root: the names that dvc.yaml uses too."""

from pathlib import Path

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
CORRECTED = Path("data/corrected")
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
CLASSES = REPORTS / "classes"

OF_METHODS = (METHOD_LABELS, PREDICTIONS, PREDICTED_SALIENCY, SNAPSHOTS, AFFINITY_MAPS, MODELS)
"""Each holds a folder for each method."""
OF_ALL = (INDEX.parent, DIGESTS, CAMS, AFFINITY_LABELS, RANDOM_WALK, SALIENCY, FUSED, REPORTS)
OUTPUTS = (*OF_ALL, *OF_METHODS)
"""The folders below which lies all that stages write."""


def provenance_of(out: Path) -> Path:
    """Where it is recorded what made an artifact."""
    return PROVENANCE / f"{out.relative_to(out.anchor).as_posix()}.json"


def round_folder(folder: Path, number: int | None) -> Path:
    """Where a method in rounds keeps what one of them made; None: the method's own folder."""
    return folder if number is None else folder / f"round_{number}"


def round_name(method: str, number: int | None) -> str:
    """What a round of a method is called where names are files: histories, metrics, predictions."""
    return method if number is None else f"{method}_round_{number}"
