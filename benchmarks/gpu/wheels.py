"""Packages that the check needs: which are there, which a bundle brought, which to bring.

The standard library alone is imported here: this runs before anything else is known to be there.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from benchmarks.gpu.parts import BESIDE

CONSTRAINTS = Path("constraints.txt")
WHEELS = Path("wheels")
"""The folder in a bundle that holds wheels for the Python that it was made for."""
SITE = Path(".site")
"""Where those that a machine lacks are unpacked to, and found by all parts."""


BYTE_CODE = Path(".bytecode")
"""Where byte code is kept on a machine that has none of torch."""


def version_of(name: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def missing(names: Iterable[str]) -> list[str]:
    """The distributions of these names that are not installed."""
    return [name for name in names if version_of(name) is None]


def unpack_missing() -> list[str]:
    """Unpack the bundle's wheels of distributions that are not installed; their names.

    A wheel is an archive whose root belongs on the path, so that no installer and no index is needed. All of them for
    this Python are pure or hold files of their own platform only.
    """
    unpacked = []
    sys.path.append(str(SITE.resolve()))
    for wheel in sorted(WHEELS.glob("*.whl")):
        name = wheel.name.split("-")[0]
        if version_of(name) is None:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(SITE)
            unpacked.append(name)
    importlib.invalidate_caches()  # a folder that was looked into before is known as it was
    return unpacked


def keeping_byte_code() -> dict[str, str]:
    """What to add to the environment of the parts so that Python compiles a package once.

    Some images bring torch without its byte code, in folders that cannot be written to: each process, those of a
    loader too, then compiles some thousand files anew, six seconds for torch alone.
    """
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.cached is None or Path(torch.cached).exists():
        return {}
    return {"PYTHONPYCACHEPREFIX": str(BYTE_CODE.resolve()), "PYTHONDONTWRITEBYTECODE": ""}


def remedy(names: Iterable[str]) -> str:
    """The commands that bring distributions which are missing, with all that they need in turn.

    torch and torchvision fit each other and the machine's driver: they come by themselves. The others come without
    what they name as their needs, among which is another torch.
    """
    names = set(names)
    of_torch = sorted(names & {"torch", "torchvision"})
    own = names - set(of_torch)
    own |= {need for name in own for need in BESIDE.get(name, ()) if version_of(need) is None}
    commands = []
    if of_torch:
        commands.append(f"`python -m pip install {' '.join(of_torch)}` (as PyTorch's site has it for this driver)")
    if own:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        listed = f"--no-deps -c constraints.txt {' '.join(sorted(own))}"
        commands.append(
            f"`python -m pip install {listed}`, or without an index what another machine fetches by `python -m pip"
            f" download --only-binary=:all: --python-version {version} --platform manylinux_2_28_x86_64 -d {WHEELS}"
            f" {listed}`"
        )
    return " and ".join(commands)


def other_versions(names: Iterable[str]) -> dict[str, str]:
    """Distribution -> its version here, where the bundle brought, or constraints.txt names, another one; and that."""
    tested = {}
    if CONSTRAINTS.is_file():
        lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
        tested = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    tested |= {name: version for name, version, *_ in (wheel.name.split("-") for wheel in WHEELS.glob("*.whl"))}
    versions = {}
    for known, version in tested.items():
        for name in [name for name in names if _plain(name) == _plain(known)]:
            there = version_of(name)
            if there and there.partition("+")[0] != version:  # torch's names its CUDA behind a +
                versions[name] = f"{there}, tested with {version}"
    return versions


def closure(names: Iterable[str], *, without: Iterable[str], python: str) -> dict[str, str | None]:
    """These distributions and all that they need on Linux on x86-64 with that Python, but those of `without`.

    Name -> version, as installed here; None for one that only another Python needs, whose own needs are not known.
    """
    from packaging.requirements import Requirement  # only where a bundle is made

    target = {"python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython",
              "platform_python_implementation": "CPython", "sys_platform": "linux", "platform_system": "Linux",
              "platform_machine": "x86_64", "os_name": "posix", "extra": ""}  # fmt: skip
    found: dict[str, str | None] = {}
    waiting, left_out = list(names), {_plain(name) for name in without}
    while waiting:
        name = _plain(waiting.pop())
        if name in found or name in left_out:
            continue
        found[name] = version_of(name)
        needs = map(Requirement, (metadata.requires(name) if found[name] else None) or ())
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate(target)]
    return dict(sorted(found.items()))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
