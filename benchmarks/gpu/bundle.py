"""`make gpu-bundle`: a folder with all that the check needs, for a machine that nothing else can reach."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.gpu import sample, wheels
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.setting import BUNDLE, Setting

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
    try:
        setting = Setting.of(rehearse=False, **paths)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if out.exists() and not (out / BUNDLE).is_file():
        raise click.ClickException(f"{out} exists and is no bundle; choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        fresh = Path(folder) / "bundle"
        fresh.mkdir()
        _copy_code(fresh)
        carried = _copy_data(setting, fresh)
        count = _fetch(fresh / wheels.WHEELS, python_version)
        about = {"python": python_version, "paths": carried}
        (fresh / BUNDLE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
        if size > LARGEST:
            raise click.ClickException(f"the bundle has {size / 1e6:.0f} MB, and {LARGEST / 1e6:.0f} may travel; leave"
                                       " out --photographs or a weights file")  # fmt: skip
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
    click.echo(f"{out}: {size / 1e6:.1f} MB, {count} wheels for Python {python_version}; run `make gpu` in it")


def _copy_code(target: Path) -> None:
    """The files that Git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *CODE],
                            capture_output=True, text=True, check=True)  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if Path(name).is_file():  # not one that was deleted and not yet committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, target / name)


def _copy_data(setting: Setting, target: Path) -> dict[str, str]:
    """Photographs and weights; their paths in the bundle."""
    carried = {}
    if setting.photographs:
        sample.write(sample.source_of(Path(setting.photographs)), target / "photographs")
        carried["photographs"] = "photographs"
    for name in ("weights", "saliency_weights"):
        path = getattr(setting, name)
        if path:
            carried[name] = f"weights/{Path(path).name}"
            (target / "weights").mkdir(exist_ok=True)
            shutil.copyfile(path, target / carried[name])
    return carried


def _fetch(folder: Path, python_version: str) -> int:
    """The wheels that the parts need, in the versions of this environment, for Linux on x86-64; how many.

    Raises:
        ClickException: one is not to be had for that Python.
    """
    needed = wheels.closure({name for part in PARTS for name in part.needs}, without=(*NEVER, *OF_TORCH))
    folder.mkdir()
    platforms = [f"--platform=manylinux{kind}_x86_64" for kind in ("_2_28", "_2_27", "_2_17", "2014")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", "--implementation=cp", f"--python-version={python_version}", *platforms,
               "--dest", str(folder), *(f"{name}=={version}" for name, version in needed.items())]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"pip brought no wheels for Python {python_version}: {done.stderr.strip()[-600:]}")
    return len(needed)


if __name__ == "__main__":
    main()
