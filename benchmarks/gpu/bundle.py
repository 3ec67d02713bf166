"""`make gpu-bundle`: a folder with all that the check needs, for a machine that nothing else can reach."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks.gpu import origin, sample, wheels
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.report import REPORT
from benchmarks.gpu.setting import BUNDLE, Setting
from wsss_core import artifacts
from wsss_core.data.source import Source
from wsss_core.runtime import interruption
from wsss_core.runtime.journal import runs

LARGEST = 60 * 10**6  # bytes
NEVER = ("torch", "torchvision", "numpy")
"""Not in a bundle: they come together, for the machine's driver, and are larger than all the rest."""
OF_TORCH = ("filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "setuptools", "sympy",
            "typing-extensions")  # fmt: skip
"""What torch needs, so that a machine with torch has them too."""
CODE = ("benchmarks", "pipelines", "presets", "stages", "tests", "wsss_core", "Makefile", "constraints.txt", "dvc.yaml",
        "params.yaml", "pyproject.toml", "setup.cfg")  # fmt: skip


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("gpu-bundle"), show_default=True)
@click.option("--python-version", default=f"{sys.version_info.major}.{sys.version_info.minor}", show_default=True,
              help="Of the machine that it is for.")
@click.option("--photographs", help="A VOC layout, or a folder with a CSV; forty of them travel.")
@click.option("--weights", help="Of mobilenetv2_100.")
@click.option("--saliency-weights", help="Of U²-Net-P.")
def main(out: Path, python_version: str, **paths: str | None) -> None:
    """Write the folder OUT: code, wheels, photographs and weights; `make gpu` runs in it."""
    with interruption.handled():
        try:
            with interruption.raising():
                click.echo(_make(out, python_version, paths))
        except interruption.Interrupted:
            signum = interruption.arrived() or signal.SIGINT
            click.echo(f"Stopped by {signum.name}; {out} is as it was", err=True)
            raise click.exceptions.Exit(128 + signum) from None
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or out}: {error.strerror}; choose another --out") from None


def _make(out: Path, python_version: str, paths: dict[str, str | None]) -> str:
    """A sentence about the bundle, which is there as a whole or not at all.

    Raises:
        ValueError, ClickException, OSError: it cannot be made.
    """
    setting = Setting.of(rehearse=False, **paths)
    if not re.fullmatch(r"3\.\d+", python_version):
        raise ValueError(f"PYTHON_VERSION is {python_version}; give it as 3.12")
    _refuse_to_replace(out)
    source = sample.source_of(Path(setting.photographs)) if setting.photographs else None
    if source:
        try:
            sample.checked(source)
        except ValueError as error:
            raise ValueError(f"PHOTOGRAPHS: {error}") from None
    with _folder_beside(out) as folder:
        fresh = folder / "bundle"
        fresh.mkdir()
        _copy_code(fresh)
        carried = _copy_data(setting, source, fresh)
        count = _fetch(fresh / wheels.WHEELS, python_version)
        about = {"python": python_version, "commit": origin.commit() or setting.commit, "paths": carried}
        (fresh / BUNDLE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
        if size > LARGEST:
            raise ValueError(f"the bundle has {size / 1e6:.0f} MB, and {LARGEST / 1e6:.0f} may travel; leave out"
                             " --photographs or a weights file")  # fmt: skip
        with interruption.held_back():
            if out.exists():
                out.rename(folder / "replaced")
            fresh.rename(out)
    made = f"{out}: {size / 1e6:.1f} MB, {count} wheels for Python {python_version}; run `make gpu` in it"
    for part in PARTS:
        if part.without_saliency_weights and not setting.saliency_weights:
            needed = " or ".join(part.without_saliency_weights)
            made += f". It holds no SALIENCY_WEIGHTS: part {part.number} is left out where {needed} is missing"
    return made


def _refuse_to_replace(out: Path) -> None:
    """Raises ValueError where OUT holds what nobody can make again."""
    if out.exists() and not (out / BUNDLE).is_file():
        raise ValueError(f"{out} exists and is no bundle; choose another --out")
    if any(path.is_file() for path in (out / REPORT.parent).rglob("*")):
        raise ValueError(f"{out} holds reports of a check; move {out / REPORT.parent} away or choose another --out")


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """A folder for what is being made, gone after the block; those that killed processes left are removed first."""
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f".{glob.escape(out.name)}.*"):
        pid = left.suffix[1:]
        if pid == str(os.getpid()) or (pid.isdigit() and not runs(int(pid))):
            shutil.rmtree(left)
    folder = artifacts.temporary_path(out)
    folder.mkdir()
    try:
        yield folder
    finally:
        with interruption.held_back():
            shutil.rmtree(folder)


def _copy_code(target: Path) -> None:
    """The files that Git knows, as they are now; without Git, as in a tarball, all that is no product of Python."""
    names = _known_to_git() or [str(path) for name in CODE for path in (Path(name), *Path(name).rglob("*"))
                                if not any(part.startswith((".", "__pycache__")) for part in path.parts)
                                and path.suffix != ".pyc"]  # fmt: skip
    if "Makefile" not in names or not Path("Makefile").is_file():
        raise ValueError("this is not the repository's folder; run `make gpu-bundle` there")
    for name in names:
        if Path(name).is_file():  # no folder, and not one that was deleted and not yet committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, target / name)


def _known_to_git() -> list[str]:
    """Nothing where there is no Git, or where this folder is none of its working folders."""
    if shutil.which("git") is None or not Path(".git").exists():
        return []
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *CODE],
                            capture_output=True, text=True, check=False)  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name]


def _copy_data(setting: Setting, photographs: Source | None, target: Path) -> dict[str, str]:
    """Photographs and weights; their paths in the bundle."""
    carried = {}
    if photographs:
        sample.write(photographs, target / "photographs")
        carried["photographs"] = "photographs"
    for name in ("weights", "saliency_weights"):
        path = getattr(setting, name)
        if path:
            carried[name] = f"weights/{Path(path).name}"
            (target / "weights").mkdir(exist_ok=True)
            shutil.copyfile(path, target / carried[name])
    return carried


def _fetch(folder: Path, python_version: str) -> int:
    """The wheels that the parts need, in the versions of this environment if it has them; how many.

    Raises:
        ClickException: one is not to be had for that Python.
    """
    needed = wheels.closure({name for part in PARTS for name in part.needs}, without=(*NEVER, *OF_TORCH),
                            python=python_version)  # fmt: skip
    folder.mkdir()
    platforms = [f"--platform=manylinux{kind}_x86_64" for kind in ("_2_28", "_2_27", "_2_17", "2014")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--implementation=cp", f"--python-version={python_version}", *platforms,
               "--dest", str(folder),
               *(f"{name}=={version}" if version else name for name, version in needed.items())]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"pip brought no wheels for Python {python_version}: {done.stderr.strip()[-600:]}")
    return len(needed)


if __name__ == "__main__":
    main()
