"""Bad parameters and environment: all errors at once, with the remedy, before anything runs."""

import pytest
from workspace import STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_names_all_errors_of_the_parameters_and_does_nothing(pipeline, stage):
    pipeline.set(random_walk={"betta": 8}, seed="zero", infer_cam={"scales": [-1.0]}, refine_crf={"iterations": -1})
    message = pipeline.refusal(stage, code=2)
    assert "params.yaml has 4 errors:" in message
    for line in ("random_walk.betta: unknown key; did you mean `beta`?", "seed: ", "infer_cam.scales.0: ",
                 "refine_crf.iterations: "):  # fmt: skip
        assert f"\n  {line}" in message


def test_what_would_fail_in_a_late_stage_stops_the_first(workspace):
    workspace.set(
        seed=2**32,
        infer_cam={"splits": ["train"]},
        train_affinity={"taps": [0, -1, -1]},
        random_walk={"splits": ["train", "val"]},
        train_deeplab={"head": "largefov", "atrous_rates": [6, 12]},
    )
    message = workspace.refusal("prepare", code=2)
    assert "params.yaml has 4 errors:" in message
    for line in ("seed: ", "train_affinity.taps: ", "random_walk: splits ", "train_deeplab.atrous_rates: "):
        assert f"\n  {line}" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "does not exist"), ("seed: [", "no valid YAML"), ("- 1", "must hold a mapping")],
    ids=["missing", "no YAML", "a list"],
)
def test_a_params_file_that_is_none(workspace, content, reason):
    path = workspace.folder / "params.yaml"
    path.unlink() if content is None else path.write_text(content)
    message = workspace.refusal("prepare", code=2)
    assert "params.yaml" in message
    assert reason in message
    assert not (workspace.folder / "data").exists()


def test_patented_saliency_wants_a_word(pipeline):
    pipeline.set(saliency={"method": "mr"})
    assert "acknowledge_patents: true" in pipeline.refusal("saliency", code=2)


@pytest.mark.parametrize(
    ("name", "value", "stage"),
    [
        ("WSSS_WORKERS", "many", "refine_crf"),
        ("WSSS_WORKERS", "-1", "refine_crf"),
        ("WSSS_WORKERS", "1.5", "train_cam"),
        ("WSSS_DEVICES", "moon", "infer_cam"),
        ("WSSS_DEVICES", "0", "infer_cam"),
        ("WSSS_PRECISION", "12-true", "predict"),
    ],
)
def test_nonsense_in_the_environment_is_named(pipeline, name, value, stage):
    message = pipeline.refusal(stage, **{name: value})
    assert name in message
    assert value in message


def test_a_folder_of_saliency_maps_that_nobody_named(pipeline):
    pipeline.set(saliency={"method": "folder"})
    assert "needs `folder`" in pipeline.refusal("saliency", code=2)
