"""Train the classifier whose class activation maps start everything."""

from wsss_core import code_digest, layout
from wsss_core.data.training_set import TrainingSet
from wsss_core.data.transforms import augmentation
from wsss_core.frame.stage import command, open_index
from wsss_core.methods.cam.objective import classification
from wsss_core.models.model_file import Description
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.params import Params
from wsss_core.training.train import train


@command
def main(params: Params) -> None:
    """Train a multi-label classifier on image tags."""
    p, index = params.train_cam, open_index(params)
    train(
        Description(
            method="cam",
            network="cam",
            classes=index.classes,
            backbone=p.backbone.model_dump(),
            options={"dropout": p.dropout},
            params=p.model_dump(),
        ),
        CamNetwork,
        TrainingSet(index, index.ids("train"), augmentation(**p.augment.model_dump()), seed=params.seed),
        classification,
        batch=p.batch,
        epochs=p.epochs,
        optimizer=p.optimizer.model_dump(),
        seed=params.seed,
        inputs=[layout.INDEX],
        code=code_digest.of_stage(__file__),
        out=layout.MODELS / "cam",
        history=layout.HISTORY / "train_cam.tsv",
    )


if __name__ == "__main__":
    main()
