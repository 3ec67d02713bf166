"""What decides *where* a stage runs and never *what* it computes: read from the environment.

None of these values is a parameter, so that moving to a larger machine invalidates no artifact.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from wsss_core import layout

USUAL_RESUME_FOLDER = Path(".wsss")


def _number(name: str, default: int, *, least: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {text!r}") from None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def workers() -> int:
    """Processes for decoding and CPU-bound work (`WSSS_WORKERS`; default: this process's cores, 8 at most)."""
    own = cores() // _number("LOCAL_WORLD_SIZE", 1, least=1)  # of the processes that a launcher started here
    return _number("WSSS_WORKERS", max(1, min(own, 8)), least=0)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices() -> str:
    """`auto`, `cpu`, a number of devices of each machine, or indices of GPUs such as `0,2` (`WSSS_DEVICES`)."""
    return os.environ.get("WSSS_DEVICES", "auto").strip() or "auto"


def num_devices() -> int:
    """How many `devices` names; 1 for `auto` and `cpu`.

    Raises:
        ValueError: it is neither of these, nor a number, nor indices.
    """
    named = devices()
    if named in ("auto", "cpu"):
        return 1
    if not all(part.strip().isdigit() for part in named.split(",")) or named == "0":
        raise ValueError(f"WSSS_DEVICES={named} cannot be used here: it is auto, cpu, a number, or indices such as 0,2")
    return len(named.split(",")) if "," in named else int(named)


def accelerator() -> str:
    """`auto`, `cpu`, where a number of devices is one of processes, or `gpu` (`WSSS_ACCELERATOR`)."""
    named = os.environ.get("WSSS_ACCELERATOR", "").strip() or "auto"
    if named not in ("auto", "cpu", "gpu"):
        raise ValueError(f"WSSS_ACCELERATOR must be auto, cpu or gpu, not {named!r}")
    return named


def nodes() -> int:
    """Machines that run this command together (`WSSS_NODES`); torchrun and srun say it themselves."""
    return _number("WSSS_NODES", 1, least=1)


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a stage's images, each of which is made by a job of its own.

    Attributes:
        number: from 1 to `count`.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def name(self) -> str:
        """For names of files."""
        return f"{self.number}of{self.count}"


def shard() -> Shard | None:
    """The part of a stage's images that this command makes (`WSSS_SHARD`, such as 3/16); None: all of them."""
    text = os.environ.get("WSSS_SHARD", "").strip()
    if not text:
        return None
    parts = re.fullmatch(r"(\d+)/(\d+)", text)
    if parts is None or not 1 <= int(parts[1]) <= int(parts[2]):
        raise ValueError(f"WSSS_SHARD must be NUMBER/COUNT, from 1/16 to 16/16, not {text!r}")
    return Shard(int(parts[1]), int(parts[2]))


def gathered() -> Path | None:
    """Set by `wsss gather`, which asks a stage whether it would make what this file describes (`WSSS_GATHER`)."""
    return Path(record) if (record := os.environ.get("WSSS_GATHER", "")) else None


def require_no_shard() -> None:
    """Raises ValueError where a shard is asked of what is not made image by image."""
    if part := shard():
        raise ValueError(f"WSSS_SHARD={part} is for stages that make a result of each image; run this one without it")


def precision() -> str | None:
    """A Lightning Fabric precision such as `32-true` or `bf16-mixed` (`WSSS_PRECISION`); None = the stage's own."""
    return os.environ.get("WSSS_PRECISION", "").strip() or None


def compiles() -> bool:
    """Whether trainings compile their network (`WSSS_COMPILE=1`; default: no)."""
    return _is_on("WSSS_COMPILE")


def resume_folder() -> Path:
    """Where unfinished work is kept until its stage ends (`WSSS_RESUME_DIR`; default `.wsss`).

    Raises:
        ValueError: it lies among the outputs of stages, which would replace it or take it for a part of theirs.
    """
    folder = Path(os.environ.get("WSSS_RESUME_DIR", "").strip() or USUAL_RESUME_FOLDER)
    for outputs in layout.OUTPUTS:
        if folder.resolve().is_relative_to(outputs.resolve()):
            raise ValueError(
                f"WSSS_RESUME_DIR is {folder}, which lies in {outputs}, where stages put their outputs; set it to"
                f" another folder, or leave it out ({USUAL_RESUME_FOLDER})"
            )
    return folder


def debug() -> bool:
    """Whether an error that is told in a sentence shows its traceback too (`WSSS_DEBUG=1`; default: no)."""
    return _is_on("WSSS_DEBUG")


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").strip() not in ("", "0")
