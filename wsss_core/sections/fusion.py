"""Sections of the rules that fuse a walk's scores with saliency."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from wsss_core.sections.section import ConflictPolicy, Fraction, Positive, Section, StoreStride, setting


class Soft(Section):
    background_exponent: Positive = 16.0
    saliency_exponent: Positive = 2.0
    saliency_weight: Fraction = 0.2
    multi: ConflictPolicy = setting(
        "largest",
        "who gets a pixel that several classes claim: largest | smallest_area | product | ignore | margin",
    )


class DualXor(Section):
    """AuxSegNet."""

    cam_threshold: Fraction = 0.2
    saliency_threshold: Fraction = 0.06
    multi: ConflictPolicy = "largest"


class Oaa(Section):
    foreground_threshold: Fraction = 0.3
    conflict_threshold: Fraction = 0.9
    saliency_threshold: Fraction = 0.1255
    attention_threshold: Fraction = 0.8
    min_ratio: Fraction = 0.01
    multi: ConflictPolicy = "largest"


class Icd(Section):
    score_threshold: Fraction = 0.2
    saliency_threshold: Fraction = 0.01
    multi: ConflictPolicy = "product"


class Harmonic(Section):
    """SeeNet."""

    conflict_threshold: Fraction = 0.7
    saliency_threshold: Fraction = 0.1255
    multi: ConflictPolicy = "largest"


class ConstBg(Section):
    background_score: Fraction = 0.25
    multi: ConflictPolicy = "largest"


class Fuse(Section):
    rule: str = setting("soft", "one of those below, by its name")
    norm: Literal["max", "minmax", "none"] = setting("max", "max | minmax | none: of each class's walk")
    store_stride: StoreStride = setting(2, "of the soft rule's probabilities")
    soft: Soft = Soft()
    dual_xor: DualXor = DualXor()
    oaa: Oaa = Oaa()
    icd: Icd = Icd()
    harmonic: Harmonic = Harmonic()
    const_bg: ConstBg = ConstBg()

    @field_validator("rule")
    @classmethod
    def _has_parameters_below(cls, rule: str) -> str:
        rules = [name for name, field in cls.model_fields.items() if isinstance(field.default, Section)]
        if rule not in rules:
            raise ValueError(f"must be one of {', '.join(rules)}")
        return rule
