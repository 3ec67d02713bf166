"""Which code is checked, and where: what every part of the report names.

The standard library alone is imported here, as in all that runs before a part.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.gpu.setting import Setting


def now() -> dict[str, str]:
    """When a part began, in UTC."""
    return {"began": datetime.now(UTC).isoformat(timespec="seconds")}


def of(setting: Setting) -> dict[str, str]:
    """The machine, the device and the commit; "unknown" where nothing tells."""
    device = f"CPU ({platform.machine()})" if setting.rehearse else nvidia_smi("name").partition("\n")[0]
    return {"host": platform.node(), "device": device or "unknown", "commit": setting.commit or commit() or "unknown"}


def commit() -> str | None:
    """The commit of this working folder, and whether it was changed since; None where Git knows nothing of it."""
    number, changes = (_said(["git", *asked]) for asked in (["rev-parse", "HEAD"], ["status", "--porcelain"]))
    return f"{number}{', changed since' if changes else ''}" if number else None


def nvidia_smi(asked: str) -> str:
    """What nvidia-smi says of the GPU that the check computes on, or of all; nothing where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    return _said(["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader", *[f"--id={visible}"] * bool(visible)])


def _said(command: Sequence[str]) -> str:
    """What a program wrote; nothing where it is not there, fails or hangs."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()
