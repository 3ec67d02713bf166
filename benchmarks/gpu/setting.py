"""What all parts of the check are told: where they compute, and on which photographs and weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

BUNDLE = Path("bundle.json")
"""Lies in the root of a bundle, and names what travelled in it."""

USUAL = {
    "photographs": Path("data/raw/voc12-mini"),
    "weights": Path("data/raw/weights/mobilenetv2_100-imagenet.safetensors"),
    "saliency_weights": Path("data/raw/weights/u2netp.onnx"),
}
"""Where the presets of voc12-mini look; what is not there is left out of the check."""


@dataclass(frozen=True)
class Setting:
    """How the check runs.

    Attributes:
        rehearse: on a CPU, with less of everything.
        photographs: a VOC layout or a folder with a CSV; None = scenes are drawn instead.
        weights: of the backbone mobilenetv2_100; None = random ones.
        saliency_weights: of U²-Net-P; None = RBD makes the saliency maps.
        python: the version that a bundle's wheels are for; None = this is no bundle.
        commit: the code that a bundle holds; None = this is no bundle.
    """

    rehearse: bool
    photographs: str | None
    weights: str | None
    saliency_weights: str | None
    python: str | None = None
    commit: str | None = None

    @classmethod
    def of(cls, *, rehearse: bool, **given: str | None) -> Setting:
        """What was given, else what the bundle brought, else what lies where the presets look.

        Raises:
            ValueError: a path is not there, or not what it is given for; or the bundle's own file is damaged.
        """
        bundle = _bundle()
        carried = bundle.get("paths", {})
        found: dict[str, str | None] = {}
        for name, usual in USUAL.items():
            path = given.get(name) or carried.get(name) or (str(usual) if usual.exists() else None)
            wrong = path and _wrong(name, Path(path))
            if wrong:
                raise ValueError(f"{name.upper()}: {path} {wrong}; correct it or leave it out")
            found[name] = path
        return cls(rehearse, **found, python=bundle.get("python"), commit=bundle.get("commit"))

    def as_json(self) -> str:
        """For the process of a part, which `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Setting:
        return cls(**json.loads(text))


def _bundle() -> dict:
    if not BUNDLE.is_file():
        return {}
    try:
        return dict(json.loads(BUNDLE.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise ValueError(f"{BUNDLE} is damaged; copy the bundle again") from None


def _wrong(name: str, path: Path) -> str | None:
    """Why this cannot be the photographs, or a file of weights, as far as can be told before any is opened."""
    if not path.exists():
        return "does not exist"
    if name == "photographs":
        if not path.is_dir():
            return "is no folder"
        return None if any(map(_may_be_a_photograph, path.rglob("*"))) else "holds no photographs"
    if not path.is_file():
        return "is a folder, and one file of weights is needed"
    return None if path.stat().st_size else "is empty"


def _may_be_a_photograph(path: Path) -> bool:
    return path.suffix.lower() not in ("", ".csv", ".json", ".md", ".txt", ".xml") and path.is_file()
