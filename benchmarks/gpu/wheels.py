"""Packages that the check needs beyond torch and NumPy: which are there, which a bundle brought, which to bring.

The standard library alone is imported here: this runs before anything else is known to be there.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

WHEELS = Path("wheels")
"""In a bundle: wheels for the Python that it was made for."""
SITE = Path(".site")
"""Where those that a machine lacks are unpacked to, and found by all parts."""


def version_of(name: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def missing(names: Iterable[str]) -> list[str]:
    """Those that are not installed."""
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
    return unpacked


def pip_line(names: Iterable[str], *, constraints: str = "constraints.txt") -> str:
    """The command that fetches wheels for this machine, on another that reaches an index."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"python -m pip download --only-binary=:all: --python-version {version} --platform manylinux_2_28_x86_64"
        f" --no-deps -c {constraints} -d {WHEELS} {' '.join(sorted(names))}"
    )


def closure(names: Iterable[str], *, without: Iterable[str]) -> dict[str, str]:
    """Name -> version, as installed here, of these distributions and all that they need, but those of `without`."""
    from packaging.requirements import Requirement  # only where a bundle is made

    found: dict[str, str] = {}
    waiting, left_out = list(names), {_plain(name) for name in without}
    while waiting:
        name = _plain(waiting.pop())
        if name in found or name in left_out:
            continue
        found[name] = metadata.version(name)
        needs = map(Requirement, metadata.requires(name) or ())
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
