"""What `wsss predict` writes beside label maps, of which pictures, and what it refuses."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from predictions import picture, predict
from small_models import save_deeplab
from workspace import Workspace, error_message

from wsss_core import artifacts, voc
from wsss_core.data import videos
from wsss_core.exchange.label_sets import open_set
from wsss_core.prediction import overlay
from wsss_core.prediction.output import OWN


@pytest.fixture
def work(tmp_path):
    """A model and two photographs."""
    workspace = Workspace(tmp_path / "work")
    save_deeplab(workspace.folder / "model")
    (workspace.folder / "photos").mkdir()
    for seed, name in enumerate(("a.png", "b.png")):
        picture(seed, height=42).save(workspace.folder / "photos" / name)
    return workspace


def labels(workspace, name: str = "a", out: str = "out") -> np.ndarray:
    return artifacts.read_labels(workspace.folder / out, name)


def tagged(workspace, text: str) -> None:
    (workspace.folder / "tags.csv").write_text(text, encoding="utf-8")


# ---- beside label maps


def test_an_overlay_has_the_photograph_s_size_and_shows_classes_in_their_colours(work):
    assert predict(work, "--overlay").exit_code == 0
    with Image.open(work.folder / "out/overlays/a.jpg") as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (56, 42))
    image, of_image = np.full((2, 4, 3), 100, np.uint8), np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.uint8)
    red = voc.palette()[3] // 2 + 50
    assert overlay.drawn(image, of_image)[0].tolist() == [[100] * 3, [255] * 3, [red, 50, 50], [red, 50, 50]]


def test_probabilities_are_those_of_all_labels_in_cells_and_export_reads_them(work):
    assert predict(work, "--probabilities").exit_code == 0
    scores = artifacts.read_scores(work.folder / "out", "a", size=(42, 56), num_classes=2)
    assert scores.classes.tolist() == [0, 1, 2]
    assert (scores.scores.shape, scores.scores.dtype) == ((3, 11, 14), np.float16)
    np.testing.assert_allclose(scores.scores.astype(float).sum(axis=0), 1, atol=2e-3)
    exported = open_set(work.folder / "out", index=None, images=work.folder / "photos")
    assert exported.scores is not None and exported.scores("b").size == (42, 56)


def test_they_and_the_overlays_leave_the_label_maps_as_they_are(work):
    predict(work)
    predict(work, "--overlay", "--probabilities", out="more")
    assert {name: work.files("more")[name] for name in work.files("out")} == work.files("out")


def test_photographs_hold_the_classes_of_their_tags_and_no_others(work):
    predict(work)
    assert {1, 2} <= set(np.unique([labels(work, "a"), labels(work, "b")])), "else this shows nothing"
    tagged(work, "image,labels\na.png,dog\nb.png,\n")
    assert predict(work, "--tags", "tags.csv", "--probabilities", out="tagged").exit_code == 0
    assert set(np.unique(labels(work, "a", "tagged"))) <= {0, 2}
    assert not labels(work, "b", "tagged").any()
    assert artifacts.read_scores(work.folder / "tagged", "a").classes.tolist() == [0, 2]


def test_other_tags_of_a_photograph_make_it_anew_and_it_alone(work):
    tagged(work, "image,labels\na.png,dog\nb.png,cat\n")
    predict(work, "--tags", "tags.csv")
    tagged(work, "image,labels\na.png,dog\nb.png,dog\n")
    assert "2 label maps, 1 of them before" in predict(work, "--tags", "tags.csv").output
    assert set(np.unique(labels(work, "b"))) <= {0, 2}


def test_a_large_image_is_segmented_in_windows_at_its_own_size(work):
    picture(3, height=200, width=304).save(work.folder / "photos/large.png")
    assert predict(work, "--tile", "64").exit_code == 0
    assert labels(work, "large").shape == (200, 304)
    predict(work, out="whole")
    np.testing.assert_array_equal(labels(work, "a"), labels(work, "a", "whole"))  # within one window


def test_cores_that_work_on_pictures_of_their_own_give_what_one_gives(work, monkeypatch):
    for seed in range(3, 9):
        picture(seed).save(work.folder / f"photos/{seed}.png")
    predict(work, "--probabilities", out="alone")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    predict(work, "--probabilities")
    assert work.files("out") == work.files("alone")


def test_windows_have_a_size_of_their_own_where_none_is_given(work):
    assert predict(work, "--tile").exit_code == 0
    assert '"tile": 512' in (work.folder / "out/predicted.jsonl").read_text()


# ---- of which pictures


def test_each_frame_of_an_animation_has_a_label_map(work):
    picture(0).save(work.folder / "photos/moving.gif", save_all=True, append_images=[picture(1), picture(2)])
    assert predict(work, "--overlay").exit_code == 0
    names = {"a", "b", *(f"moving_00000{number}" for number in (1, 2, 3))}
    assert set(work.files("out")) == {*OWN, *(f"{n}.png" for n in names), *(f"overlays/{n}.jpg" for n in names)}


def test_a_frame_s_name_is_no_other_photograph_s(work):
    picture(0).save(work.folder / "photos/moving.gif", save_all=True, append_images=[picture(1)])
    for name in ("moving_000002", "a_000001"):  # of which the second is of no animation
        picture(0).save(work.folder / f"photos/{name}.png")
    message = error_message(predict(work), code=1)
    assert message == "photos/moving_000002.png is called as a frame of photos/moving.gif; rename one"


def test_base_names_may_repeat_in_sub_folders(work):
    (work.folder / "photos/x").mkdir()
    shutil.copyfile(work.folder / "photos/b.png", work.folder / "photos/x/a.png")
    assert predict(work).exit_code == 0
    np.testing.assert_array_equal(labels(work, "x/a"), labels(work, "b"))


def test_without_a_reader_videos_are_named_with_the_remedy_and_the_rest_is_done(work, monkeypatch):
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    (work.folder / "photos/clip.MP4").write_bytes(b"whatever")
    remedy = "for videos are read by PyAV, which is not here: `pip install av`"
    message = error_message(predict(work), code=1)
    assert message.splitlines() == [
        "1 of 3 photographs could not be segmented:", f"  photos/clip.MP4 is passed over, {remedy}"
    ]  # fmt: skip
    assert labels(work, "b").shape == (42, 56)
    message = error_message(predict(work, photographs="photos/clip.MP4", out="clip"), code=1)
    assert message == f"photos/clip.MP4 cannot be segmented, {remedy}"


# ---- what is refused


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("image,labels\na.png,dog\n", "tags.csv has no row for 1 of 2 photographs (b); add one for each"),
        ("image,labels\na.png,dog\nb.png,dgo\n", "names dgo, which the network does not know; did you mean 'dog'?"),
        ("name;tag\na.png;dog\n", "it must name columns image,labels"),
        ("image,labels\n", "it has no rows"),
        (None, "tags.csv does not exist; give --tags a table with the columns image,labels"),
    ],
)
def test_a_table_of_tags_that_does_not_fit_is_refused_before_anything_is_written(work, table, reason):
    if table is not None:
        tagged(work, table)
    message = error_message(predict(work, "--tags", "tags.csv"), code=1)
    assert reason in message and "\n" not in message
    assert not (work.folder / "out").exists()


def test_a_folder_in_the_place_of_the_table_is_named_for_what_it_is(work):
    reason = "photos: it is no file but a folder or a pipe; replace it, or name another"
    assert reason in error_message(predict(work, "--tags", "photos"), code=1)


@pytest.mark.parametrize(
    ("target", "options", "kind"),
    [
        ("a.npz", ("--probabilities",), "file of probabilities"),
        ("overlays/a.jpg", ("--overlay",), "overlay"),
        ("overlays/moving_000007.jpg", ("--overlay",), "overlay"),
        ("moving_000007.png", (), "label map"),
    ],
)
def test_nothing_of_somebody_else_s_is_replaced(work, target, options, kind):
    picture(0).save(work.folder / "photos/moving.gif")
    stranger = work.folder / "out" / target
    stranger.parent.mkdir(parents=True)
    picture(0).save(stranger, format="JPEG" if target.endswith("jpg") else "PNG")
    before = work.files("out")
    message = error_message(predict(work, *options), code=1)
    assert message == f"out/{target} is no {kind}, and one would replace it; choose another --out"
    assert work.files("out") == before


def test_what_this_command_wrote_itself_is_replaced(work):
    predict(work, "--overlay", "--probabilities")
    picture(7).save(work.folder / "photos/a.png")
    result = predict(work, "--overlay", "--probabilities")
    assert result.exit_code == 0, result.output


def test_a_crf_and_windows_exclude_each_other(work):
    assert "leave one of them out (--no-crf)" in error_message(predict(work, "--tile", "64", "--crf"), code=2)
