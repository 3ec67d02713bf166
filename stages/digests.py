"""What lies outside the graphs but decides what they make: code, weights, saliency maps and true masks.

DVC compares the parameters that name files, and the commands that name code, but neither these files nor that code.
This stage digests them at every run, and who depends on a digest that is still the same does not run.
"""

from collections.abc import Sequence
from pathlib import Path

from wsss_core import artifacts, code_digest, digests, graphs, layout, manifests
from wsss_core.data.masks import mask_files
from wsss_core.frame.stage import command, draw_scenes, source_of
from wsss_core.params import Params
from wsss_core.runtime import environment

WORDS = ("none", "imagenet", "auto")
"""Values of `weights` that are no file: the code says what they stand for."""


@command
def main(params: Params) -> None:
    """Write a small file of digests for each command, for each section that names weights, and for the true masks."""
    with code_digest.remembering(environment.resume_folder() / "sources.json"):
        for code in graphs.commands(params.model_dump()):
            lines = [f"{digest}  {file}\n" for file, digest in code.digests().items()]
            artifacts.write_text(layout.CODE / graphs.name_of(code), "".join(lines))
    draw_scenes(params)  # whose masks and saliency set lie in folders too
    for section, files in _named(params).items():
        artifacts.write_json(layout.WEIGHTS / f"{section}.json", {file: _digest(Path(file)) for file in files})
    masks = [(path.name, digests.file_digest(path)) for path in mask_files(source_of(params))]
    artifacts.write_json(layout.TRUTH, {"files": len(masks), "digest": digests.digest_of(masks)})


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
    named = {section: _without_words([own.weights for own in each]) for section, each in backbones.items()}
    named["saliency"] = _without_words([params.saliency.weights, params.saliency.folder])
    named["ssnet"] += _without_words([params.ssnet.saliency_set.images, params.ssnet.saliency_set.masks])
    return named


def _without_words(weights: Sequence[str | None]) -> list[str]:
    return sorted({file for file in weights if file is not None and file not in WORDS})


def _digest(path: Path) -> str | None:
    """Of a file, or of all below a folder but hidden ones; None where there is none, of which its stage tells."""
    if path.is_dir():
        files = manifests.files_of(path)
        return digests.digest_of({name: digests.file_digest(file) for name, file in files.items()})
    return digests.file_digest(path) if path.is_file() else None


if __name__ == "__main__":
    main()
