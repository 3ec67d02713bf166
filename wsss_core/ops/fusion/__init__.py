"""Label maps from class evidence and a saliency map, by the published rules: `fuse`, and of a walk `fused_label`."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wsss_core.artifacts import Scores
from wsss_core.ops import grids
from wsss_core.ops.fusion.rules import PUBLISHED, ignore_band, on_one_scale
from wsss_core.ops.fusion.soft import is_informative, soft, soft_scores
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

__all__ = [
    "MISSING_ABOVE", "MISSING_BELOW", "RULES", "Fused", "foreground", "fuse", "fused_label", "on_one_scale",
    "reads_saliency", "soft_fusion", "soft_scores",
]  # fmt: skip

RULES: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {"soft": soft, **PUBLISHED}

MISSING_BELOW, MISSING_ABOVE = 0.01, 0.9
"""A salient share of the image outside this range says that the detector failed."""

DO_WITHOUT = ("icd", "soft", "const_bg")
"""Rules that deal with a failed map, or read none. For the others `ignore_band` stands in, lest they label nonsense."""


def reads_saliency(rule: str, *, saliency_weight: float = 1.0, **_: float | str) -> bool:
    """Whether labels of a rule with these parameters depend on the saliency map at all."""
    return rule != "const_bg" and not (rule == "soft" and saliency_weight == 0)


@dataclass(frozen=True)
class Fused:
    """A label map and what went into it.

    Attributes:
        label: (H, W) uint8, a class id, BACKGROUND or IGNORE_INDEX.
        background, foreground, ignored: shares of the pixels; they sum to 1.
        conflict: share of the pixels that two or more classes claimed, whatever became of them.
        pixels: class id -> labelled pixels, 0 for a class of the image that got none.
        saliency_used: False where the rule reads no saliency, or the map was missing or had failed.
    """

    label: np.ndarray
    background: float
    foreground: float
    ignored: float
    conflict: float
    pixels: dict[int, int]
    saliency_used: bool


def fuse(
    cams: np.ndarray,
    classes: np.ndarray,
    saliency: np.ndarray | None,
    *,
    rule: str,
    **parameters: float | str,
) -> Fused:
    """Label each pixel by what the classes' maps and the saliency map say about it.

    A saliency map of which less than 1 % or more than 90 % exceeds the rule's `saliency_threshold` counts as missing;
    for a rule without one, a map that tells no pixel from another. soft then takes class evidence alone, icd has a
    clause of its own, and other rules give way to `ignore_band`. `RULES[rule]` is the published rule without this.

    Args:
        cams: (K, H, W) float in [0, 1], at full size; map k belongs to classes[k]. See `on_one_scale`. Maps that
            an affinity refined may exceed 1; they compare as they are.
        classes: (K,) int, unique ids in 1..254; K = 0 gives BACKGROUND or IGNORE_INDEX only.
        saliency: (H, W) float in [0, 1], 1 = salient; None where there is none.
        rule: a key of RULES.
        parameters: the keyword arguments of that rule.

    Returns:
        The label map with its statistics. Only ids of `classes`, BACKGROUND and IGNORE_INDEX occur.

    Raises:
        ValueError: unknown rule, shapes that do not fit, ids out of range, values that are not numbers.
        TypeError: a parameter of the rule is missing or unknown.

    >>> cat, salient = np.array([[[0.9, 0.9, 0.1, 0.1]]]), np.array([[1.0, 0.0, 1.0, 0.0]])
    >>> thresholds = {"cam_threshold": 0.2, "saliency_threshold": 0.06}
    >>> fuse(cat, np.array([3]), salient, rule="dual_xor", **thresholds).label  # 255 where they disagree
    array([[  3, 255, 255,   0]], dtype=uint8)
    """
    if rule not in RULES:
        raise ValueError(f"fusion rule {rule!r} is unknown; take one of {', '.join(RULES)}")
    if cams.ndim != 3 or 0 in cams.shape[1:]:
        raise ValueError(f"cams is {cams.shape}, expected (K, H, W) with H, W >= 1")
    if saliency is None:
        saliency = np.zeros(cams.shape[1:], np.float32)
    _check(cams, classes, saliency)
    cams, saliency = cams.astype(np.float32), saliency.astype(np.float32)
    # A fall-back must not hide a misspelt parameter of the rule that it stands in for.
    inspect.signature(RULES[rule]).bind(cams, classes, saliency, **parameters)
    used = _counts(saliency, rule, parameters)
    if rule not in DO_WITHOUT and not used:
        label, disputed = ignore_band(cams, classes, multi=str(parameters.get("multi", "largest")))
    else:
        label, disputed = RULES[rule](cams, classes, saliency, **parameters)
    counts = np.bincount(label.ravel(), minlength=IGNORE_INDEX + 1)
    background, ignored = counts[BACKGROUND] / label.size, counts[IGNORE_INDEX] / label.size
    return Fused(
        label=label,
        background=float(background),
        foreground=float(1 - background - ignored),
        ignored=float(ignored),
        conflict=float(disputed.mean()),
        pixels={int(class_id): int(counts[class_id]) for class_id in classes},
        saliency_used=used,
    )


def _counts(saliency: np.ndarray, rule: str, parameters: dict[str, float | str]) -> bool:
    """Whether the map takes part in the rule's decision."""
    if rule == "const_bg":
        return False
    if "saliency_threshold" not in parameters:
        return is_informative(saliency)
    salient = (saliency > float(parameters["saliency_threshold"])).mean()
    if rule == "icd":  # it has a clause of its own for empty maps
        return bool(salient >= MISSING_BELOW)
    return bool(MISSING_BELOW <= salient <= MISSING_ABOVE)


def _check(cams: np.ndarray, classes: np.ndarray, saliency: np.ndarray) -> None:
    if saliency.shape != cams.shape[1:]:
        raise ValueError(
            f"saliency is {saliency.shape}, cams are {cams.shape[1:]}; resize both to the image, bilinearly,"
            " before anything is thresholded"
        )
    if classes.shape != (len(cams),) or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"classes is {classes.shape} {classes.dtype}, expected ({len(cams)},) integers")
    if len(classes) and not (classes.min() > BACKGROUND and classes.max() < IGNORE_INDEX):
        raise ValueError(f"classes are {classes.tolist()}, expected ids in 1..{IGNORE_INDEX - 1}")
    if len(np.unique(classes)) != len(classes):
        raise ValueError(f"classes are {classes.tolist()}; each may occur once")
    if not (np.isfinite(cams).all() and np.isfinite(saliency).all()):
        raise ValueError("cams or saliency hold values that are not finite; check the stage that wrote them")


def foreground(walk: Scores, *, norm: str) -> np.ndarray:
    """(K, H, W) float32 in [0, 1]: the walk's classes at full size, without its background, normalised.

    A walk averages, so its peaks lie below 1; the rules expect each class to peak near 1.
    """
    return on_one_scale(grids.read(walk.scores[1:], walk.size), kind=norm)


def fused_label(walk: Scores, saliency: np.ndarray, *, norm: str, rule: str, **parameters) -> np.ndarray:
    """(H, W) uint8 label of a hard or soft rule; `parameters` are those of the rule."""
    maps = foreground(walk, norm=norm)
    return fuse(maps, walk.classes[1:], saliency, rule=rule, **parameters).label


def soft_fusion(walk: Scores, saliency: np.ndarray, *, norm: str, store_stride: int, **parameters) -> Scores:
    """The probabilities behind rule `soft`, background first, on a grid of `store_stride`."""
    full = soft_scores(foreground(walk, norm=norm), saliency, **parameters)
    return Scores(walk.classes, grids.store(full, stride=store_stride), walk.size)
