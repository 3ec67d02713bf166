"""What the weights files hold that the parameters name: DVC compares their bytes through this, and not their paths."""

from collections.abc import Sequence
from pathlib import Path

from wsss_core import artifacts, layout
from wsss_core.cli.stage import command
from wsss_core.params import Params
from wsss_core.sections import BackboneOverride

WORDS = ("none", "imagenet", "auto")
"""Values of `weights` that are no file: the code says what they stand for."""


@command
def main(params: Params) -> None:
    """Write a digest of each weights file, in one small JSON for each section that names some."""
    for section, files in _named(params).items():
        artifacts.write_json(layout.WEIGHTS / f"{section}.json", {file: _digest(Path(file)) for file in files})


def _named(params: Params) -> dict[str, list[str]]:
    """Section -> the files whose weights it starts from."""
    backbones = {
        "train_cam": [params.train_cam.backbone],
        "train_affinity": [params.train_affinity.backbone],
        "train_deeplab": [params.train_deeplab.backbone],
        "rrm": [params.rrm.backbone],
        "aalr": [params.aalr.backbone],
        "ssnet": [params.ssnet.first.backbone, params.ssnet.second.backbone],
        "auxsegnet": [params.auxsegnet.backbone],
    }
    files = {section: _of_backbones(params, overrides) for section, overrides in backbones.items()}
    return files | {"saliency": _without_words([params.saliency.weights])}


def _of_backbones(params: Params, overrides: Sequence[BackboneOverride]) -> list[str]:
    return _without_words([params.backbone.overridden(override).weights for override in overrides])


def _without_words(weights: Sequence[str | None]) -> list[str]:
    return sorted({file for file in weights if file is not None and file not in WORDS})


def _digest(file: Path) -> str | None:
    """Of a file; None where there is none, of which the stage that needs it tells."""
    return artifacts.file_digest(file) if file.is_file() else None


if __name__ == "__main__":
    main()
