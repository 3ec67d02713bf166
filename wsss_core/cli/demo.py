"""`make demo`: the whole graph on generated scenes, beside the user's work and without touching it.

The demo lives in a folder of its own: a copy of the code, the parameters of a preset, its own artifacts. It shares
the DVC cache, so that `dvc repro` with the shipped parameters afterwards takes its results from there.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from wsss_core import artifacts, layout, presets
from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.params_file import written

COPIED = ("stages", "wsss_core", "presets", "pipelines", "dvc.yaml", ".dvcignore")
DVC_CONFIG = """[core]
    no_scm = true
    analytics = false
[cache]
    dir = {cache}
    type = "reflink,hardlink,symlink,copy"
"""


@click.command()
@click.option("--folder", type=PATH, default=Path(".demo"), show_default=True, help="Where the demo lives.")
@click.option("--preset", "name", default="scenes", show_default=True, help="Which parameters it runs.")
@telling_errors
def demo(folder: Path, name: str) -> None:
    """Run the whole pipeline on generated scenes and print its table of results."""
    for source in COPIED:
        _mirror(Path(source), folder / source)
    _write_params(folder / layout.PARAMS, name)
    cache = os.path.relpath(".dvc/cache", folder / ".dvc")
    artifacts.write_text(folder / ".dvc/config", DVC_CONFIG.format(cache=cache))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    status = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=folder, env=environment, check=False).returncode
    if status:
        raise click.exceptions.Exit(status)

    from wsss_core.report.tables import quality_table

    click.echo(f"\n{quality_table(folder / layout.METRICS)}\n\nThe report: {folder / layout.REPORTS / 'report.html'}")


def _write_params(target: Path, name: str) -> None:
    """The preset over the shipped parameters; the user's may be anything."""
    params = presets.params_with(presets.read_preset(name), source=f"preset {name}")
    artifacts.write_text(target, written(params))


def _mirror(source: Path, target: Path) -> None:
    """Make target the same as source, leaving equal files alone; byte-code is not copied."""
    if source.is_file():
        if not target.is_file() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return
    names = {child.name for child in source.iterdir() if child.name != "__pycache__"}
    for stale in [child for child in target.iterdir() if child.name not in names] if target.is_dir() else []:
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    for name in names:
        _mirror(source / name, target / name)


if __name__ == "__main__":
    demo()
