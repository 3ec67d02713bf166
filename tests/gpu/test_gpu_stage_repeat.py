"""The same twice on one device: the same bytes."""

import pytest

pytestmark = pytest.mark.gpu

TRAININGS = [(("train_cam",), "models/cam"), (("train_joint", "--method", "rrm"), "models/rrm")]
"""In 32-true, the precision of trainings; RRM makes its own labels in every step, by CRF, and minimises the energy."""
PER_IMAGE = {
    "infer_cam": "data/cam",
    "random_walk": "data/random_walk",
    "refine_crf": "data/pseudo_labels/affinitynet",
    "predict": "data/predictions/deeplab",
}


@pytest.mark.parametrize(("command", "folder"), TRAININGS)
def test_a_training_twice_gives_the_same_weights_to_the_byte(pipeline, command, folder):
    contents = []
    for _ in range(2):
        pipeline.run_with(*command)
        contents.append(pipeline.files(folder)["model.pt"])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(("stage", "folder"), PER_IMAGE.items())
def test_a_stage_twice_gives_the_same_bytes(on_device, pipeline, stage, folder):
    before = on_device.files(folder)
    pipeline.run(stage)
    assert before and pipeline.files(folder) == before
