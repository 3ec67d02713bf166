"""What lies outside the graphs but decides what they make: code, weights, saliency maps and true masks.

DVC compares the parameters that name files, and the commands that name code, but neither these files nor that code.
This stage digests them at every run, and who depends on a digest that is still the same does not run.
"""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from wsss_core import artifacts, code_digest, graphs, layout, manifests
from wsss_core.data.masks import mask_files
from wsss_core.data.source import Source
from wsss_core.frame.stage import command, of_one_process
from wsss_core.params import Params
from wsss_core.runtime import environment
from wsss_core.scenes import generator
from wsss_core.sections.saliency import SaliencySource
from wsss_core.sections.section import Section

WORDS = ("none", "imagenet", "auto")
"""Values of `weights` that are no file: the code says what they stand for."""


@command
@of_one_process
def main(params: Params) -> None:
    """Write a small file of digests for each command, for each section that names weights, and for the true masks."""
    _write_code(detector=params.saliency.method)
    if params.dataset.format == "scenes":  # whose masks and saliency set lie in folders too
        generator.ensure(Path(params.dataset.root), **params.dataset.scenes.model_dump())
    for section, files in _named(params).items():
        artifacts.write_json(layout.WEIGHTS / f"{section}.json", {file: _digest(Path(file)) for file in files})
    masks = [(path.name, manifests.file_digest(path)) for path in mask_files(Source(**params.dataset.source()))]
    artifacts.write_json(layout.TRUTH, {"files": len(masks), "digest": manifests.digest_of(masks)})


def _write_code(*, detector: str) -> None:
    """Write the digests of each command's code; sources that an earlier run has parsed are not parsed again."""
    kept = environment.resume_folder() / "sources.json"
    with suppress(OSError, ValueError, TypeError, KeyError):  # it may be deleted, and is no worse where it is damaged
        code_digest.recall(artifacts.read_json(kept))
    for code in graphs.commands(detector=detector):
        lines = [f"{digest}  {file}\n" for file, digest in code.digests().items()]
        artifacts.write_text(layout.CODE / graphs.name_of(code), "".join(lines))
    with suppress(OSError):
        artifacts.write_json(kept, code_digest.remembered())


def _named(params: Params) -> dict[str, list[str]]:
    """Section -> the files of weights that it starts from, and the folders of maps that it reads."""
    named: dict[str, set[str | None]] = defaultdict(set, saliency={params.saliency.weights, params.saliency.folder})
    for place, training in params.trainings().items():
        named[place.partition(".")[0]].add(training.backbone.weights)
    sets = ((name, part) for name, own in params if isinstance(own, Section) for _, part in own)
    for name, part in sets:
        if isinstance(part, SaliencySource):
            named[name] |= {part.images, part.masks}
    return {section: sorted(file for file in files if file and file not in WORDS) for section, files in named.items()}


def _digest(path: Path) -> str | None:
    """The digest of a file, or of all below a folder but hidden ones; None where there is none: its stage says so."""
    if path.is_dir():
        return manifests.digest_of({name: manifests.file_digest(path / name) for name in manifests.files_of(path)})
    return manifests.file_digest(path) if path.is_file() else None


if __name__ == "__main__":
    main()
