"""What the files hold that the parameters name, of weights and of saliency maps: DVC compares their bytes through this,
and not their paths."""

from collections.abc import Sequence
from pathlib import Path

from wsss_core import artifacts, layout, manifests
from wsss_core.cli.stage import command, ensure_scenes
from wsss_core.params import Params
from wsss_core.sections import BackboneOverride

WORDS = ("none", "imagenet", "auto")
"""Values of `weights` that are no file: the code says what they stand for."""


@command
def main(params: Params) -> None:
    """Write a digest of each file and folder, in one small JSON for each section that names some."""
    ensure_scenes(params)  # whose saliency set lies in a folder too
    for section, files in _named(params).items():
        artifacts.write_json(layout.WEIGHTS / f"{section}.json", {file: _digest(Path(file)) for file in files})


def _named(params: Params) -> dict[str, list[str]]:
    """Section -> the files of weights that it starts from, and the folders of maps that it reads."""
    backbones = {
        "train_cam": [params.train_cam.backbone],
        "train_affinity": [params.train_affinity.backbone],
        "train_deeplab": [params.train_deeplab.backbone],
        "rrm": [params.rrm.backbone],
        "aalr": [params.aalr.backbone],
        "ssnet": [params.ssnet.first.backbone, params.ssnet.second.backbone],
        "auxsegnet": [params.auxsegnet.backbone],
    }
    named = {section: _of_backbones(params, overrides) for section, overrides in backbones.items()}
    named["saliency"] = _without_words([params.saliency.weights, params.saliency.folder])
    named["ssnet"] += _without_words([params.ssnet.saliency_set.images, params.ssnet.saliency_set.masks])
    return named


def _of_backbones(params: Params, overrides: Sequence[BackboneOverride]) -> list[str]:
    return _without_words([params.backbone.overridden(override).weights for override in overrides])


def _without_words(weights: Sequence[str | None]) -> list[str]:
    return sorted({file for file in weights if file is not None and file not in WORDS})


def _digest(path: Path) -> str | None:
    """Of a file, or of all below a folder but hidden ones; None where there is none, of which its stage tells."""
    if path.is_dir():
        files = manifests.files_of(path)
        return artifacts.digest_of({name: artifacts.file_digest(file) for name, file in files.items()})
    return artifacts.file_digest(path) if path.is_file() else None


if __name__ == "__main__":
    main()
