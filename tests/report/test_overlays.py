import base64
import io

import numpy as np
import pytest
from PIL import Image

from wsss_core.artifacts import Scores
from wsss_core.report import overlays, palette
from wsss_core.report.overlays import Canvas
from wsss_core.voc import IGNORE_INDEX

GREY = np.full((20, 32, 3), 100, dtype=np.uint8)  # drawn at 200 x 320: each pixel as a 10 x 10 block
FADED = round(0.55 * 100 + 0.45 * 255)  # 170


def test_pictures_of_any_photograph_fit_the_box_and_have_a_pixel():
    sizes = [(1, 1), (20, 3000), (3000, 20), (3000, 4000), (128, 160)]
    shapes = [overlays.fitted(size) for size in sizes]
    assert shapes == [(200, 200), (2, 320), (200, 1), (200, 267), (200, 250)]


@pytest.mark.parametrize("size", [(1, 1), (20, 3000), (3000, 20)])
def test_every_kind_of_map_is_drawn_at_extreme_sizes(size):
    canvas = Canvas(np.zeros((*size, 3), dtype=np.uint8))
    cells = tuple(-(-side // 4) for side in size)
    scores = Scores(np.array([3]), np.ones((1, *cells), dtype=np.float16), size)
    pictures = [
        canvas.photo,
        canvas.labels(np.zeros(size, np.uint8)),
        canvas.heat(scores),
        canvas.grey(np.ones(size)),
    ]
    assert {picture.shape for picture in pictures} == {(*overlays.fitted(size), 3)}


def test_objects_have_their_classs_colour_and_background_is_faded():
    labels = np.zeros((20, 32), dtype=np.uint8)
    labels[:, 16:] = 1  # orange
    drawn = Canvas(GREY).labels(labels)
    np.testing.assert_array_equal(drawn[100, 80], [FADED] * 3)
    np.testing.assert_array_equal(drawn[100, 240], np.round(0.32 * 100 + 0.68 * palette.COLOURS[0]))


def test_borders_of_labels_are_outlined_in_white_and_dark_and_only_they():
    labels = np.zeros((20, 32), dtype=np.uint8)
    labels[:, 16:] = 1
    drawn = Canvas(GREY).labels(labels)
    for value, column in ((255, 159), (30, 160)):
        found = (drawn == value).all(axis=-1)
        assert np.flatnonzero(found.any(axis=0)).tolist() == [column]
        assert found[:, column].all()


def test_ignored_pixels_are_striped_and_lighter_than_background():
    drawn = Canvas(GREY).labels(np.full((20, 32), IGNORE_INDEX, dtype=np.uint8))
    assert len(np.unique(drawn)) == 2 * 3 - 2  # light stripes are grey, dark ones a bluish grey
    assert drawn.min() > FADED


def test_heat_is_the_colour_of_the_strongest_class_as_opaque_as_its_score():
    scores = np.zeros((2, 20, 32), dtype=np.float16)
    scores[0], scores[1, :, 16:] = 0.5, 1.0
    drawn = Canvas(GREY).heat(Scores(np.array([1, 2]), scores, (20, 32)))
    half, full = 0.92 * 0.5, 0.92
    np.testing.assert_allclose(drawn[100, 20], (1 - half) * FADED + half * palette.COLOURS[0], atol=1)
    np.testing.assert_allclose(drawn[100, 300], (1 - full) * FADED + full * palette.COLOURS[1], atol=1)


def test_an_image_without_tags_has_no_heat():
    empty = Scores(np.array([], dtype=np.uint8), np.zeros((0, 5, 8), dtype=np.float16), (20, 32))
    assert np.unique(Canvas(GREY).heat(empty)).tolist() == [FADED]


def test_saliency_is_brightness():
    drawn = Canvas(GREY).grey(np.repeat([[0.0, 1.0]], 20, axis=0).repeat(16, axis=1))
    assert drawn[:, 0].max() == 0
    assert drawn[:, -1].min() == 255


@pytest.mark.parametrize("kind", ["labels", "grey"])
def test_a_map_of_another_size_is_refused_with_both_sizes(kind):
    with pytest.raises(ValueError, match=r"\(20, 31\).*\(20, 32\).*dvc repro"):
        getattr(Canvas(GREY), kind)(np.zeros((20, 31), dtype=np.uint8))


def test_scores_of_another_image_are_refused():
    with pytest.raises(ValueError, match=r"\(8, 8\).*\(20, 32\)"):
        Canvas(GREY).heat(Scores(np.array([1]), np.zeros((1, 2, 2), dtype=np.float16), (8, 8)))


def test_data_address_holds_the_picture():
    address = overlays.data_uri(Canvas(GREY).photo)
    prefix, _, content = address.partition(",")
    assert prefix == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert np.abs(np.asarray(picture).astype(int) - 100).max() <= 1
