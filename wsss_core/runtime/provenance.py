"""What made an artifact: on what its bytes depend beside parameters and inputs, and a record of it.

The first is part of a journal's key. The record lies in `reports/provenance/`, outside the folder that it describes:
inside, another machine or commit would change that folder's digest, and all that was made from it would run again.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wsss_core import artifacts, code_digest, layout, manifests
from wsss_core.code_digest import Code
from wsss_core.runtime.journal import runs
from wsss_core.runtime.worker import ALONE, Processes


@dataclass(frozen=True)
class Provenance:
    """On what bytes depend beside parameters and inputs.

    Attributes:
        code: source file -> digest.
        packages: that compute -> version.
        device: `cpu`, `cuda`, ...
        precision: of Lightning Fabric's kind.
    """

    code: Mapping[str, str]
    packages: Mapping[str, str]
    device: str
    precision: str

    @classmethod
    def of(cls, code: Code, processes: Processes = ALONE) -> Provenance:
        """What a stage makes in these processes.

        Args:
            code: of the stage.
            processes: a launched Fabric, or one process on the CPU.
        """
        fabric: Any = processes if hasattr(processes, "strategy") else None
        return cls(
            code=code.digests(),
            packages=code.packages(),
            device=fabric.device.type if fabric else "cpu",
            precision=fabric.strategy.precision.precision if fabric else "32-true",
        )

    @property
    def key(self) -> dict[str, Any]:
        """Its part of a journal's key."""
        return {**asdict(self), "code": manifests.digest_of(self.code)}

    def write(self, out: Path, *, processes: Processes = ALONE, files: Sequence[Path] = ()) -> None:
        """Record what made `out`, and remove what killed processes had half written among the reports.

        Args:
            out: the artifact, relative to the working folder.
            processes: that made it.
            files: figures written with it, whose digests are kept here: their own formats have no room for any.
        """
        content = {
            "artifact": out.as_posix(),
            "code": {"digest": manifests.digest_of(self.code), "files": self.code},
            "packages": {"python": platform.python_version(), **self.packages},
            "commit": _commit(),
            "device": self.device,
            "precision": self.precision,
            "processes": processes.world_size,
            **_torch(processes),
            "environment": {name: os.environ[name] for name in sorted(os.environ) if name.startswith("WSSS_")},
            "files": {path.as_posix(): manifests.file_digest(path) for path in files},
        }
        artifacts.write_json(layout.provenance_of(out), content)
        for temporary in artifacts.half_written(layout.REPORTS):
            if not runs(int(temporary.suffix[1:])):
                temporary.unlink(missing_ok=True)


def check(path: Path) -> Path:
    """`path`, a file of figures, if its bytes are those that its stage wrote or no record knows it.

    Raises:
        ArtifactError: it is missing, was damaged, or changed by hand.
    """
    name = path.as_posix()
    records = [_files_in(record) for record in sorted(layout.PROVENANCE.rglob("*.json"))]
    known = [files[name] for files in records if name in files]
    with artifacts.reading(path):
        digest = manifests.file_digest(path)
    if known and digest not in known:
        raise artifacts.ArtifactError(
            f"{path} is not what its stage wrote: damaged, or changed by hand; `dvc repro` makes it anew"
        )
    return path


def _files_in(record: Path) -> dict:
    """The digests that a record keeps."""
    content = artifacts.read_json(record)
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict):
        raise artifacts.ArtifactError(f"{record} is damaged; delete it and run `dvc repro`")
    return files


def _commit() -> str | None:
    """The commit of the sources, `-dirty` where they were changed; None outside a repository or without Git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        described = subprocess.run(command, cwd=code_digest.ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def _torch(processes: Processes) -> dict[str, Any]:
    """How PyTorch was set up, if the stage used it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    device = getattr(processes, "device", torch.device("cpu"))
    return {
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "float32_products": torch.get_float32_matmul_precision(),
    }
