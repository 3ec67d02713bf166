"""Where each artifact lies, relative to the repository's root: the names that dvc.yaml uses too."""

from pathlib import Path

PARAMS = Path("params.yaml")
INDEX = Path("data/index/index.json")
CAMS = Path("data/cam")
CAM_CRF = Path("data/pseudo_labels/cam_crf")
AFFINITY_LABELS = Path("data/affinity_labels")
RANDOM_WALK = Path("data/random_walk")
SALIENCY = Path("data/saliency")
FUSED = Path("data/fused")
PSEUDO_LABELS = Path("data/pseudo_labels/affinitynet")
METHOD_LABELS = Path("data/pseudo_labels")
SNAPSHOTS = Path("data/snapshots")
PREDICTIONS = Path("data/predictions")
MODELS = Path("models")
REPORTS = Path("reports")
METRICS = REPORTS / "metrics"
HISTORY = REPORTS / "history"
PLOTS = REPORTS / "plots"
CONFUSION = REPORTS / "confusion"


def graph_of(method: str) -> Path:
    """The graph whose stages make a method's artifacts; a second step belongs to the first one's."""
    return Path("pipelines") / method.removesuffix("_two_step") / "dvc.yaml"
