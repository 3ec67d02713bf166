"""Labels of the training photographs: corrected by hand where somebody did, as before elsewhere."""

from functools import partial
from pathlib import Path

import click
import numpy as np

from wsss_core import artifacts, code_digest, layout, manifests, remedies, supervision
from wsss_core.data.maps import Maps
from wsss_core.frame.stage import command, open_index
from wsss_core.params import Params
from wsss_core.runtime import environment, per_image
from wsss_core.runtime.sharing import cpu_processes
from wsss_core.voc import IGNORE_INDEX

OUT = layout.METHOD_LABELS / "corrected"


def choose(image_id: str, folder: Path, *, corrected: Maps, ids: frozenset[str], others: Maps | None) -> None:
    source = corrected if image_id in ids else others
    size = corrected.index.size(image_id)
    labels = np.full(size, IGNORE_INDEX, dtype=np.uint8) if source is None else source.labels(image_id)
    artifacts.write_labels(folder, image_id, labels)


@command
def main(params: Params) -> None:
    """Put the label maps that were corrected by hand in the place of a method's, or of none: all others are ignored."""
    p, index = params.corrected, open_index(params)
    corrected = Maps(_finished(p.folder), index)
    ids, digest = index.ids("train"), manifests.check(corrected.folder)
    masks = frozenset(name.removesuffix(".png") for name in manifests.read(corrected.folder)["files"]) & {*ids}
    if not masks:
        raise click.UsageError(f"{p.folder} holds no label map of a training image; import one of those too")
    beside = [] if p.alone else [_finished(p.beside)]
    others = Maps(beside[0], index) if beside else None
    kind = manifests.supervision_of(layout.INDEX, *beside)
    per_image.run(
        ids,
        per_image.each(partial(choose, corrected=corrected, ids=masks, others=others)),
        stage="corrected_labels",
        code=code_digest.of_stage(__file__),
        out=OUT,
        suffix=".png",
        params={**p.model_dump(), "corrected": digest},  # but no input: of its masks, only their share counts
        inputs=[layout.INDEX, *beside],
        sizes=index.size,
        workers=environment.workers(),
        processes=cpu_processes(),
        supervised_by=supervision.partly(kind, masks=len(masks), images=len(ids)),
    )


def _finished(folder: str) -> Path:
    """As `frame.stage.require`, of a folder that the parameters name."""
    path = Path(folder)
    if not (path / artifacts.MANIFEST).exists():
        raise click.UsageError(f"{path} holds no finished label maps; run `{remedies.made_by(path)}` first")
    return path


if __name__ == "__main__":
    main()
