"""The one evaluator, on artifacts small enough to score by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from wsss_core import artifacts, layout, manifests
from wsss_core.artifacts import Scores
from wsss_core.data.index import Index, Record
from wsss_core.evaluation.scorer import Scorer, strongest, thresholded
from wsss_core.report.text_tables import read_columns
from wsss_core.voc import IGNORE_INDEX

TRAIN, VAL = ("a", "b", "c", "d"), ("v",)
CLASSES = ("cat", "dog")
MASK = np.array([[0, 0, 1, 1], [0, 0, 1, IGNORE_INDEX]], np.uint8)


@pytest.fixture(autouse=True)
def _root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Truth:
    """The same mask for each image that has one."""

    def __init__(self, *ids: str) -> None:
        self.ids, self.asked, self.files = ids, [], []

    def available(self, image_id: str) -> bool:
        return image_id in self.ids

    def read(self, image_id: str) -> np.ndarray:
        self.asked.append(image_id)
        return MASK


def scorer(*ids: str, **changes) -> Scorer:
    records = {name: Record(name, f"{name}.png", (1,), 2, 4, "") for name in TRAIN + VAL}
    index = Index("folder", ".", CLASSES, {"train": TRAIN, "val": VAL}, records, "tags")
    return Scorer(index, **{"truth": Truth(*ids), "threshold_step": 0.25, "tuning_every": 2} | changes)


def metrics(name: str) -> dict:
    return json.loads((layout.METRICS / f"{name}.json").read_text())


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text().splitlines()))


def test_a_perfect_artifact_scores_1_and_names_its_classes():
    scorer(*TRAIN).score_labels("fused", lambda image_id: MASK, split="train")
    content = metrics("fused")
    assert (content["split"], content["num_images"]) == ("train", 4)
    assert [content[key] for key in ("miou", "miou_labelled", "coverage", "miou_tuning", "miou_rest")] == [1] * 5
    assert content["iou"] == {"background": 1, "cat": 1}  # no dog anywhere: absent, not 0


def test_labels_are_scored_by_hand():
    prediction = np.array([[0, 0, 1, IGNORE_INDEX], [0, 2, 1, 2]], np.uint8)
    scorer("v").score_labels("deeplab", lambda image_id: prediction, split="val")
    content = metrics("deeplab")
    assert content["iou"] == pytest.approx({"background": 3 / 5, "cat": 2 / 3, "dog": 0})
    assert content["miou"] == pytest.approx((3 / 5 + 2 / 3) / 3)
    assert content["coverage"] == pytest.approx(6 / 7)
    assert content["miou_labelled"] == pytest.approx((3 / 4 + 1 + 0) / 3)


def test_the_confusion_matrix_is_a_table_of_counts():
    scorer("v").score_labels("deeplab", lambda image_id: np.full((2, 4), 2, np.uint8), split="val")
    assert rows(layout.CONFUSION / "deeplab.csv") == [
        ["truth", "background", "cat", "dog"],
        ["background", "0", "0", "4"],
        ["cat", "0", "0", "3"],
        ["dog", "0", "0", "0"],
    ]


def test_beside_the_miou_stand_its_interval_and_the_boundary_s():
    # d = 1 of 2 x 4 pixels: all are boundary, so both IoUs agree
    scorer(*TRAIN).score_labels("fused", lambda image_id: MASK * (image_id < "c"), split="train")
    content = metrics("fused")
    assert content["boundary_miou"] == content["miou"] == pytest.approx((16 / 22 + 6 / 12) / 2)
    assert content["miou_low"] == pytest.approx(4 / 7 / 2)  # a sixteenth of the sets has but wrong images
    assert content["miou_high"] == 1
    scorer("v").score_labels("deeplab", lambda image_id: MASK, split="val")
    assert not {"miou_low", "miou_high"} & metrics("deeplab").keys(), "one image tells of no interval"


def test_each_class_has_a_row_of_its_own_table():
    scorer("v").score_labels("deeplab", lambda image_id: np.full((2, 4), 2, np.uint8), split="val")
    header, background, cat, dog = rows(layout.CLASSES / "deeplab.csv")
    assert header == ["class", "iou", "boundary_iou", "precision", "recall", "true_pixels", "predicted_pixels"]
    assert background == ["background", "0.0", "0.0", "", "0.0", "4", "0"]
    assert cat == ["cat", "0.0", "0.0", "", "0.0", "3", "0"]
    assert dog == ["dog", "0.0", "0.0", "0.0", "", "0", "7"]


def test_labels_with_scores_are_held_against_them():
    def sure(image_id: str, labels: np.ndarray) -> np.ndarray:
        return np.where(labels == 1, 0.9, 0.5)

    scorer(*TRAIN).score_labels("fused", lambda image_id: np.ones_like(MASK), split="train", confidence=sure)
    assert metrics("fused")["ece"] == pytest.approx(0.9 - 3 / 7)
    header, row = rows(layout.PLOTS / "fused_calibration.csv")
    assert header == ["confidence", "precision", "pixels"]
    assert [float(cell) for cell in row] == pytest.approx([0.9, 3 / 7, 28])


def test_training_figures_are_split_into_tuning_images_and_the_rest():
    # every second image is wrong, and these are the ones parameters may be chosen on
    def read(image_id):
        return np.zeros((2, 4), np.uint8) if image_id in ("a", "c") else MASK

    scorer(*TRAIN).score_labels("fused", read, split="train")
    content = metrics("fused")
    assert content["miou_rest"] == 1
    assert content["miou_tuning"] == pytest.approx(4 / 7 / 2)
    assert content["miou_tuning"] < content["miou"] < content["miou_rest"]


def test_every_nth_image_with_a_mask_is_a_tuning_image():
    scorer("b", "c").score_labels("fused", lambda image_id: MASK if image_id == "b" else 0 * MASK, split="train")
    content = metrics("fused")
    assert content["num_images"] == 2
    assert content["miou_tuning"] == 1, "b is the first that has a mask"


def test_the_validation_split_and_a_run_without_tuning_have_one_figure():
    scorer("v").score_labels("deeplab", lambda image_id: MASK, split="val")
    scorer(*TRAIN, tuning_every=0).score_labels("fused", lambda image_id: MASK, split="train")
    for name in ("deeplab", "fused"):
        assert not {"miou_tuning", "miou_rest"} & metrics(name).keys()


def test_images_without_a_mask_are_left_out_and_not_read():
    read = []
    scorer("b").score_labels("fused", lambda image_id: read.append(image_id) or MASK, split="train")
    assert read == ["b"]
    assert metrics("fused")["num_images"] == 1


def test_without_any_mask_the_file_says_so_and_holds_no_figure(caplog):
    scorer().score_labels("fused", lambda image_id: MASK, split="train")
    scorer().score_cams(layout.CAMS)
    scorer().score_saliency("saliency", layout.SALIENCY, split="train")
    for name in ("fused", "cam", "saliency"):
        content = metrics(name)
        assert content["num_images"] == 0
        assert "no train image has a mask" in content["note"]
        assert "miou" not in content
        assert name == "saliency" or len(rows(layout.CLASSES / f"{name}.csv")) == 1
    assert "no train image has a mask" in caplog.text
    assert rows(layout.PLOTS / "cam_thresholds.csv") == [["threshold", "miou"]]


def write_cams(ids=TRAIN, cat=0.6, elsewhere=0.3) -> None:
    """Class cat scores `cat` where it is and `elsewhere` where it is not."""
    for image_id in ids:
        scores = np.where(MASK == 1, cat, elsewhere)[None]
        artifacts.write_scores(layout.CAMS, image_id, Scores(np.array([1], np.uint8), scores, (2, 4)))


def test_the_best_threshold_of_the_cams_is_found_and_marked_as_an_oracle_s():
    write_cams()
    scorer(*TRAIN).score_cams(layout.CAMS)
    content = metrics("cam")
    assert content["oracle_threshold"] == 0.5  # of 0, .25, .5, .75 the only one between .3 and .6
    assert content["miou"] == 1
    assert content["iou"] == {"background": 1, "cat": 1}
    curve = [(float(t), float(v)) for t, v in rows(layout.PLOTS / "cam_thresholds.csv")[1:]]
    assert [t for t, _ in curve] == [0, 0.25, 0.5, 0.75]
    assert [v for _, v in curve] == pytest.approx([3 / 7 / 2, 3 / 7 / 2, 1, 4 / 7 / 2])


def test_cams_at_the_oracle_threshold_score_like_the_labels_made_at_it():
    rng = np.random.default_rng(0)
    for image_id in TRAIN:
        cams = Scores(np.array([1, 2], np.uint8), rng.random((2, 1, 2)).astype(np.float16), (2, 4))
        artifacts.write_scores(layout.CAMS, image_id, cams)
    scorer(*TRAIN).score_cams(layout.CAMS)
    threshold = metrics("cam")["oracle_threshold"]
    scorer(*TRAIN).score_labels(
        "fused", lambda image_id: thresholded(artifacts.read_scores(layout.CAMS, image_id), threshold), split="train"
    )
    assert rows(layout.CLASSES / "cam.csv") == rows(layout.CLASSES / "fused.csv")
    for key in ("miou", "boundary_miou", "miou_low", "miou_high", "miou_tuning", "miou_rest", "coverage", "iou"):
        assert metrics("cam")[key] == pytest.approx(metrics("fused")[key])


SNAPSHOTS = layout.SNAPSHOTS / "rrm"
HEADER = ["step", "miou_labelled", "right", "coverage"]


def write_moment(name: str, **labels) -> None:
    """The snapshots of a moment, by image id."""
    for image_id, values in labels.items():
        artifacts.write_labels(SNAPSHOTS / name, image_id, np.array(values, np.uint8))
    manifests.write(SNAPSHOTS, stage="", params={}, names=[])


def test_moments_are_scored_by_hand_in_the_order_of_their_steps():
    #        true: 0 0 1 1 / 0 0 1 void
    write_moment("step_020", a=[[0, 0, 1, 1], [0, 0, 1, 2]])
    write_moment("step_005", a=[[0, 1, 1, IGNORE_INDEX], [IGNORE_INDEX, IGNORE_INDEX, 2, 2]])
    scorer("a", "v").score_snapshots("rrm", SNAPSHOTS)
    header, early, late = rows(layout.PLOTS / "rrm_labels.csv")
    assert header == HEADER
    # of 7 known pixels 4 are labelled, 2 rightly; IoU: background 1 / 2, cat 1 / 3, dog 0 / 1
    assert [float(cell) for cell in early] == pytest.approx([5, (1 / 2 + 1 / 3) / 3, 1 / 2, 4 / 7])
    assert [float(cell) for cell in late] == [20, 1, 1, 1]


def test_a_moment_is_scored_over_all_its_images_together():
    wrong = np.where(MASK == 1, 0, MASK)
    write_moment("step_1", a=MASK, c=wrong)  # b and d were not kept
    scorer(*TRAIN).score_snapshots("rrm", SNAPSHOTS)
    _, row = rows(layout.PLOTS / "rrm_labels.csv")
    assert [float(cell) for cell in row] == pytest.approx([1, (8 / 11 + 3 / 6) / 2, 11 / 14, 1])


def test_moments_without_a_mask_give_a_table_of_a_header_alone():
    write_moment("step_1", a=MASK)
    truth = Truth("b")  # of which no snapshot was kept
    scorer(truth=truth).score_snapshots("rrm", SNAPSHOTS)
    assert rows(layout.PLOTS / "rrm_labels.csv") == [HEADER]
    assert truth.asked == []


def test_a_moment_at_which_nothing_was_labelled_covers_nothing():
    write_moment("step_1", a=np.full((2, 4), IGNORE_INDEX))
    write_moment("step_2", a=MASK)
    scorer("a").score_snapshots("rrm", SNAPSHOTS)
    columns = read_columns(layout.PLOTS / "rrm_labels.csv")
    np.testing.assert_equal(columns["coverage"], [0, 1])
    np.testing.assert_equal(columns["right"], [np.nan, 1])


def test_saliency_is_scored_against_the_union_of_classes_without_void_pixels():
    for image_id in TRAIN:
        artifacts.write_grey(layout.SALIENCY, image_id, (MASK == 1).astype(float))  # wrong on the void pixel only
    scorer(*TRAIN).score_saliency("saliency", layout.SALIENCY, split="train")
    content = metrics("saliency")
    assert (content["num_images"], content["mae"]) == (4, 0)
    assert content["max_f"] == pytest.approx(1)


def test_the_strongest_map_labels_a_pixel():
    scores = np.array([[[0.5, 0.1, 0.2]], [[0.4, 0.3, 0.1]], [[0.1, 0.2, 0.9]]])
    labels = strongest(Scores(np.array([0, 3, 9], np.uint8), scores, (1, 3)))
    np.testing.assert_array_equal(labels, [[0, 3, 9]])
    assert labels.dtype == np.uint8


def test_a_score_must_exceed_its_threshold():
    scores = Scores(np.array([3, 9], np.uint8), np.array([[[0.5, 0.6, 0.0]], [[0.2, 0.7, 0.0]]]), (1, 3))
    np.testing.assert_array_equal(thresholded(scores, 0.5), [[0, 9, 0]])
    np.testing.assert_array_equal(thresholded(scores, 0.0), [[3, 9, 0]])
