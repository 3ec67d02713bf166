"""What a stage does differently by its parameters."""

import numpy as np
import pytest
from PIL import Image

from wsss_core import artifacts, layout, voc
from wsss_core.data.index import Index
from wsss_core.ops.fusion import RULES


def labels_of(workspace, folder, image_id) -> np.ndarray:
    return artifacts.read_labels(workspace.folder / folder, image_id)


@pytest.mark.parametrize("rule", sorted(RULES.keys() - {"soft"}))
def test_hard_rules_write_labels_alone_and_the_crf_refines_them(pipeline, rule):
    pipeline.set(fuse={"rule": rule}).run("fuse", "refine_crf")
    made = set(pipeline.files(str(layout.FUSED))) - {"manifest.json"}
    assert made == {f"{image_id}.png" for image_id in pipeline.train_ids()}
    for image_id in pipeline.train_ids():
        classes = set(artifacts.read_scores(pipeline.folder / layout.RANDOM_WALK, image_id).classes.tolist())
        assert set(np.unique(labels_of(pipeline, layout.FUSED, image_id)).tolist()) <= {*classes, voc.IGNORE_INDEX}
        assert set(np.unique(labels_of(pipeline, layout.PSEUDO_LABELS, image_id)).tolist()) <= classes


def test_soft_rule_writes_probabilities_that_sum_to_one(finished):
    for image_id in finished.train_ids():
        soft = artifacts.read_scores(finished.folder / layout.FUSED, image_id)
        np.testing.assert_allclose(soft.scores.astype(np.float32).sum(axis=0), 1, atol=5e-3)


def test_undecided_pixels_stay_ignored_where_asked_for(pipeline):
    """dual_xor ignores where classes and saliency disagree; keep_ignore keeps exactly these."""
    pipeline.set(fuse={"rule": "dual_xor"}, refine_crf={"keep_ignore": True}).run("fuse", "refine_crf")
    ignored = 0
    for image_id in pipeline.train_ids():
        fused = labels_of(pipeline, layout.FUSED, image_id) == voc.IGNORE_INDEX
        refined = labels_of(pipeline, layout.PSEUDO_LABELS, image_id) == voc.IGNORE_INDEX
        np.testing.assert_array_equal(refined, fused)
        ignored += int(fused.sum())
    assert ignored > 0


def test_saliency_maps_of_a_folder_are_taken_as_they_are(pipeline):
    values = {image_id: 20 * number for number, image_id in enumerate(pipeline.train_ids())}
    for image_id, value in values.items():
        map_of(pipeline.folder / "maps" / f"{image_id}.png", value=value)
    pipeline.set(saliency={"method": "folder", "folder": "maps"}).run("saliency")
    for image_id, value in values.items():
        with Image.open(pipeline.folder / layout.SALIENCY / f"{image_id}.png") as picture:
            assert np.unique(np.array(picture)).tolist() == [value]


def map_of(path, *, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((64, 80), value, dtype=np.uint8)).save(path)


def test_score_maps_of_both_splits_for_diagnosis(pipeline):
    before = pipeline.files(str(layout.CAMS))
    pipeline.set(infer_cam={"splits": ["train", "val"]}, random_walk={"splits": ["train", "val"]})
    pipeline.run("infer_cam", "random_walk")
    index = Index.open(pipeline.folder / layout.INDEX)
    everyone = {f"{image_id}.npz" for image_id in index.ids("train", "val")} | {"manifest.json"}
    cams = pipeline.files(str(layout.CAMS))
    assert set(cams) == set(pipeline.files(str(layout.RANDOM_WALK))) == everyone
    assert all(cams[name] == content for name, content in before.items() if name.endswith(".npz"))
    for image_id in index.ids("val"):
        assert artifacts.read_scores(pipeline.folder / layout.CAMS, image_id).classes.tolist() == list(
            index[image_id].tags
        )


@pytest.mark.parametrize("head", ["largefov", "aspp_v2"])
def test_every_deeplab_head_trains_and_predicts(pipeline, head):
    pipeline.set(train_deeplab={"head": head, "atrous_rates": None}).run("train_deeplab", "predict")
    assert len(pipeline.files(str(layout.PREDICTIONS / "deeplab"))) == 4


def test_affinity_and_deeplab_may_start_from_the_backbones_own_weights(pipeline):
    pipeline.set(train_affinity={"init": "backbone"}, train_deeplab={"init": "backbone"})
    before = {method: pipeline.files(f"models/{method}") for method in ("affinity", "deeplab")}
    pipeline.run("train_affinity", "train_deeplab")
    for method, content in before.items():
        assert pipeline.files(f"models/{method}") != content


def test_predictions_may_end_with_a_crf(pipeline):
    crf = {key: value for key, value in pipeline.params["cam_crf"].items() if key != "background_exponent"}
    pipeline.set(predict={"crf": crf}).run("predict")
    assert len(pipeline.files(str(layout.PREDICTIONS / "deeplab"))) == 4


def train_full_supervision(pipeline):
    for stage, *options in (("train_deeplab", "--masks"), ("predict",), ("evaluate",)):
        assert pipeline.try_stage(stage, *options, "--method", "full_supervision").exit_code == 0


def test_full_supervision_trains_on_the_masks_under_its_own_name(pipeline):
    train_full_supervision(pipeline)
    metrics = artifacts.read_json(pipeline.folder / layout.METRICS / "full_supervision.json")
    assert (metrics["split"], metrics["num_images"]) == ("val", 3)
    for stage in ("evaluate", "report"):
        pipeline.run(stage)
    assert "of full supervision)" not in page(pipeline, "report")
    assert pipeline.try_stage("report", "--method", "full_supervision").exit_code == 0
    assert "of full supervision)" in page(pipeline, "full_supervision")
    assert 'href="full_supervision.html"' in page(pipeline.run("report"), "report")


def page(pipeline, name: str) -> str:
    return (pipeline.folder / f"reports/{name}.html").read_text(encoding="utf-8")
