"""Train AffinityNet on the confident labels."""

from functools import partial

from wsss_core import code_digest, layout
from wsss_core.data.maps import Maps
from wsss_core.data.training_set import TrainingSet
from wsss_core.data.transforms import augmentation
from wsss_core.frame.stage import command, open_index, require
from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.methods.affinitynet.objective import affinity
from wsss_core.models.model_file import Description
from wsss_core.params import Params
from wsss_core.training.start import start_of
from wsss_core.training.train import train


@command
def main(params: Params) -> None:
    """Train AffinityNet: do two neighbouring pixels share a class?"""
    p, index = params.train_affinity, open_index(params)
    labels = Maps(require(layout.AFFINITY_LABELS, stage="affinity_labels"), index)
    start = start_of(p.init, layout.MODELS / "cam")
    train(
        Description(
            method="affinity",
            network="affinitynet",
            classes=index.classes,
            backbone=p.backbone.model_dump(),
            options={"taps": p.taps, "widths": p.widths, "freeze_backbone": p.freeze_backbone},
            params=p.model_dump(),
        ),
        AffinityNet,
        TrainingSet(
            index,
            index.ids("train"),
            augmentation(**p.augment.model_dump()),
            seed=params.seed,
            labels=labels.labels,
        ),
        partial(affinity, radius=p.radius),
        batch=p.batch,
        epochs=p.epochs,
        optimizer=p.optimizer.model_dump(),
        seed=params.seed,
        inputs=[layout.INDEX, labels.folder, *start.inputs],
        code=code_digest.of_stage(__file__),
        out=layout.MODELS / "affinity",
        history=layout.HISTORY / "train_affinity.tsv",
        initialise=start.initialise,
    )


if __name__ == "__main__":
    main()
