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
PREDICTIONS = Path("data/predictions")
MODELS = Path("models")
REPORTS = Path("reports")
METRICS = REPORTS / "metrics"
HISTORY = REPORTS / "history"
PLOTS = REPORTS / "plots"
CONFUSION = REPORTS / "confusion"
