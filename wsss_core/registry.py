"""Methods, saliency detectors and formats of label maps by name: where their file lies is all that registers them.

A folder of `wsss_core/methods` is a method. What it has lies in modules of fixed names, its parts. All are imported
when somebody asks for them. These are the only imports by name in the project, and `code_digest` follows them, so that
a stage depends on what it asks for and on nothing beside.

    section.py    SECTIONS: its sections of params.yaml by name; PLACE: where they stand among those of other methods
    network.py    NETWORK: the class of its network
    recipe.py     recipe(params[, number]) -> Recipe: how `stages.train_joint` trains it
    titles.py     TITLES: what tables call its figures
    page.py       page(params) -> Contents: its page of the report; compared(params): its lines in `wsss compare`

A file of `wsss_core/ops/saliency/detectors` is a saliency detector, a value of `saliency.method`.

    detect(image) (H, W, 3) uint8 RGB -> (H, W) float32 in [0, 1]; all 0 where nothing stands out
    PATENT_NOTE   only where its authors hold a patent: users must acknowledge it
"""

from __future__ import annotations

import re
from importlib import import_module
from math import inf
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent / "methods"
DETECTORS = Path(__file__).parent / "ops" / "saliency" / "detectors"
FORMATS = Path(__file__).parent / "exchange" / "formats"
FINAL = "deeplab"
"""The method of what bears no folder's name: a DeepLab on a method's labels (`rrm_two_step`) or on true masks."""


def names(part: str) -> tuple[str, ...]:
    """The methods that have a part, ascending."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{part}.py")))


def owner(name: str, part: str) -> str:
    """The method whose part serves the model, the labels or the predictions of this name."""
    return name if name in names(part) else FINAL


def module_of(method: str, part: str) -> str:
    """The module of a part.

    Raises:
        ValueError: no method of this name has it.
    """
    if method not in names(part):
        raise ValueError(f"no method {method!r} has a {part}; known are {', '.join(names(part))}")
    return f"wsss_core.methods.{method}.{part}"


def part(method: str, name: str) -> ModuleType:
    """A part of a method, imported now; `name` is written out where this is called, for `code_digest` to read.

    Raises:
        ValueError: as `module_of`.
    """
    return import_module(module_of(method, name))


def titles() -> dict[str, str]:
    """What tables call the figures of all methods. A stage depends on those of its own alone: it shows no others."""
    modules = [import_module(module_of(method, "titles")) for method in names("titles")]
    return {name: title for module in modules for name, title in module.TITLES.items()}


def sections() -> dict[str, type]:
    """What methods add to params.yaml, in its order: by their PLACE, then those without one, by name."""
    modules = [part(method, "section") for method in names("section")]
    ordered = sorted(modules, key=lambda module: getattr(module, "PLACE", inf))
    return {name: section for module in ordered for name, section in module.SECTIONS.items()}


def detectors() -> tuple[str, ...]:
    """The weight-free saliency detectors, ascending."""
    return tuple(sorted(path.stem for path in DETECTORS.glob("[!_]*.py")))


def patented() -> tuple[str, ...]:
    """The detectors that have a PATENT_NOTE, ascending: their files are read, since importing them takes seconds."""
    note = re.compile(r"^PATENT_NOTE\b", re.MULTILINE)
    return tuple(name for name in detectors() if note.search((DETECTORS / f"{name}.py").read_text(encoding="utf-8")))


def module_of_detector(name: str) -> str:
    """The module of a detector.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in detectors():
        raise ValueError(f"saliency method {name!r} is unknown; take one of {', '.join(detectors())}")
    return f"wsss_core.ops.saliency.detectors.{name}"


def detector(name: str) -> ModuleType:
    """A detector, imported now, for SciPy and scikit-image are nothing for networks' maps.

    Raises:
        ValueError: as `module_of_detector`.
    """
    return import_module(module_of_detector(name))


def formats() -> tuple[str, ...]:
    """The formats of annotation tools and trainers that label maps are written in, ascending. No stage uses one."""
    return tuple(sorted(path.stem for path in FORMATS.glob("[!_]*.py")))


def format_named(name: str) -> ModuleType:
    """A format, imported now.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in formats():
        raise ValueError(f"there is no format {name!r}; take one of {', '.join(formats())}")
    return import_module(f"wsss_core.exchange.formats.{name}")
