"""What the page of each graph holds and needs; read from its contents, without any artifact."""

import numpy as np
import pytest
from workspace import tiny_params

from wsss_core import artifacts, layout, registry
from wsss_core.params import validate
from wsss_core.report import contents, tables


def page_of(method: str) -> contents.Contents:
    return registry.part(method, "page").page(validate(tiny_params(), source="tiny"))


STAGES = ["infer_cam", "cam_crf", "affinity_labels", "random_walk", "fuse", "refine_crf"]


def test_the_default_page_is_of_the_pipeline():
    shown = contents.of_pipeline()
    assert shown.page == "report"
    assert list(shown.rows) == ["cam", "cam_crf", "random_walk", "fused", "pseudo_labels", "deeplab"]
    assert shown.trainings == {"train_cam": "CAM network", "train_affinity": "AffinityNet", "deeplab": "DeepLab"}
    assert list(shown.needed.values()) == STAGES
    assert list(shown.counted) == ["affinity labels", "fused", "pseudo-labels"]
    assert shown.networks == {"deeplab": "DeepLab"}
    assert (shown.snapshots, shown.snapshot_scores) == (None, None)


def test_full_supervision_stands_beside_the_pipeline():
    alone, shown = contents.of_pipeline(), contents.of_pipeline("full_supervision")
    title = "full supervision (true masks)"
    assert shown.page == "full_supervision"
    assert list(shown.rows) == [*alone.rows, "full_supervision"]
    assert shown.trainings == {**alone.trainings, "full_supervision": title}
    assert shown.networks == {"deeplab": "DeepLab", "full_supervision": title}
    assert (shown.needed, shown.counted, shown.snapshot_scores) == (alone.needed, alone.counted, None)


def test_the_page_of_rrm_shows_its_second_step_too():
    shown = page_of("rrm")
    assert shown.page == "rrm"
    assert list(shown.rows) == ["rrm", "rrm_pseudo_labels", "rrm_two_step"]
    assert shown.trainings == shown.networks == {"rrm": "RRM", "rrm_two_step": "RRM, two steps"}
    assert list(shown.needed) == [layout.SNAPSHOTS / "rrm", layout.METHOD_LABELS / "rrm"]
    assert shown.counted == {"pseudo-labels": layout.METHOD_LABELS / "rrm"}
    assert (shown.snapshots, shown.snapshot_scores) == (layout.SNAPSHOTS / "rrm", layout.PLOTS / "rrm_labels.csv")


def test_the_page_of_aalr_shows_one_network():
    shown = page_of("aalr")
    assert (shown.page, list(shown.rows)) == ("aalr", ["aalr"])
    assert shown.trainings == shown.networks == {"aalr": "AA&LR"}
    assert list(shown.needed) == [layout.SNAPSHOTS / "aalr"]
    assert shown.counted == {}
    assert shown.snapshot_scores == layout.PLOTS / "aalr_labels.csv"


@pytest.mark.parametrize("name", registry.names("recipe"))
def test_every_row_and_network_of_a_method_has_a_title_and_none_is_the_pipelines(name):
    shown = page_of(name)
    assert all(tables.title(row) != row for row in (*shown.rows, *shown.networks, *shown.trainings))
    assert not set(shown.rows) & tables.PIPELINE.keys()
    assert set(shown.rows) >= shown.goals.keys() | set(shown.goals.values())
    assert layout.PSEUDO_LABELS not in shown.needed


def test_training_images_of_the_pipeline_are_shown_after_its_stages(inside):
    shown = contents.of_pipeline()
    titles = [column.title for column in contents.training_columns(shown, oracle_threshold=0.5)]
    assert titles == ["CAM", "CAM > 0.50 (oracle)"]  # no other stage has run here
    assert contents.training_ids(shown, ("a", "b")) == ["a", "b"]


def keep(folder, *ids):
    for image_id in ids:
        artifacts.write_labels(folder, image_id, np.zeros((4, 8)))


def test_training_images_of_a_method_are_shown_at_its_moments_then_with_its_labels(inside):
    shown = page_of("rrm")
    for of_step in ("step_2", "step_1"):
        keep(shown.snapshots / of_step, "a")
    titles = [column.title for column in contents.training_columns(shown, oracle_threshold=None)]
    assert titles == ["Step 1", "Step 2", "Pseudo-labels"]


def test_of_a_method_only_images_with_snapshots_can_be_shown(inside):
    shown = page_of("aalr")
    keep(shown.snapshots / "step_1", "c", "a")
    assert contents.training_ids(shown, ("a", "b", "c", "d")) == ["a", "c"]
