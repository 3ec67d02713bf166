"""Draw the generated pictures: python -m wsss_core.cli.draw_scenes ROOT '{"num_train": 1, ...}'."""

import json
from pathlib import Path

import click

from wsss_core.frame.stage import PATH, telling_errors
from wsss_core.scenes import generator


@click.command()
@click.argument("root", type=PATH)
@click.argument("scenes")
@telling_errors
def main(root: Path, scenes: str) -> None:
    """Draw the set of the section `dataset.scenes`, given as JSON, unless ROOT holds it already."""
    generator.ensure(root, **json.loads(scenes))


if __name__ == "__main__":
    main()
