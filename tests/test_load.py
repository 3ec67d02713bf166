"""The library: one path is enough for a segmenter, which gives what the commands give."""

import numpy as np
import pytest
from PIL import Image
from small_models import save_classifier, save_deeplab

import wsss_core
from wsss_core import artifacts
from wsss_core.artifacts import ArtifactError

VIEWS = {"scales": (1.0, 0.5), "flip": True}


@pytest.fixture
def segmenter(tmp_path):
    save_deeplab(tmp_path / "model")
    return wsss_core.load(tmp_path / "model")


@pytest.fixture
def photograph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def test_labels_are_the_most_probable_ones_at_the_photograph_s_own_size(segmenter, photograph):
    probabilities = segmenter.probabilities(photograph, **VIEWS)
    assert (probabilities.shape, probabilities.dtype) == ((3, 50, 70), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    labels = segmenter.segment(photograph, **VIEWS)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=0))


def test_a_file_is_read_as_the_commands_read_it(segmenter, photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "a.png")
    np.testing.assert_array_equal(segmenter.segment(tmp_path / "a.png"), segmenter.segment(photograph))
    np.testing.assert_array_equal(segmenter.segment(str(tmp_path / "a.png")), segmenter.segment(photograph))


def test_a_picture_of_pillow_is_seen_as_its_file_is(segmenter, photograph, tmp_path):
    turned = Image.fromarray(photograph)
    turned.getexif()[0x0112] = 6  # shown turned by 90 degrees
    turned.save(tmp_path / "a.png", exif=turned.getexif())
    with Image.open(tmp_path / "a.png") as opened:
        labels = segmenter.segment(opened)
    assert labels.shape == (70, 50)
    np.testing.assert_array_equal(labels, segmenter.segment(tmp_path / "a.png"))
    clear = Image.fromarray(photograph).convert("RGBA")
    clear.putalpha(0)
    np.testing.assert_array_equal(segmenter.segment(clear), segmenter.segment(np.full_like(photograph, 255)))


def test_a_large_photograph_is_segmented_in_windows(segmenter):
    large = np.random.default_rng(0).integers(0, 256, (100, 210, 3), dtype=np.uint8)
    labels = segmenter.segment(large, tile=64, flip=False)
    assert (labels.shape, labels.dtype) == ((100, 210), np.uint8)
    np.testing.assert_array_equal(segmenter.segment(large, tile=210), segmenter.segment(large))


@pytest.mark.parametrize("options", [{"tile": 64, "crf": {"iterations": 1}}, {"tile": 8}])
def test_windows_that_cannot_be_are_refused(segmenter, photograph, options):
    with pytest.raises(ValueError, match="tiles have 64 pixels a side or more and go with no CRF"):
        segmenter.segment(photograph, **options)


def test_labels_mean_the_classes_in_order_and_can_be_written(segmenter, photograph, tmp_path):
    assert segmenter.classes == ("background", "cat", "dog")
    artifacts.write_labels(tmp_path, "a", segmenter.segment(photograph))
    np.testing.assert_array_equal(artifacts.read_labels(tmp_path, "a"), segmenter.segment(photograph))


def test_tags_leave_the_other_classes_out(segmenter, photograph):
    assert set(np.unique(segmenter.segment(photograph, tags=["dog"]))) <= {0, 2}
    assert not segmenter.segment(photograph, tags=[]).any()
    with pytest.raises(ValueError, match="'cow' is no class of this network; it knows cat, dog"):
        segmenter.segment(photograph, tags=["cow"])


def test_a_picture_whose_range_is_not_known_is_refused(segmenter):
    with pytest.raises(ValueError, match="mode F has no range that is known; give its file instead"):
        segmenter.segment(Image.new("F", (9, 9)))


@pytest.mark.parametrize("other", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)])
def test_an_array_that_is_no_photograph_is_refused(segmenter, other):
    with pytest.raises(ValueError, match=r"a photograph is \(H, W, 3\) uint8 RGB, not"):
        segmenter.segment(other)


def test_what_does_not_segment_or_is_no_model_is_refused(tmp_path):
    save_classifier(tmp_path / "cam")
    with pytest.raises(ValueError, match="is of the kind cam, which does not segment"):
        wsss_core.load(tmp_path / "cam")
    with pytest.raises(ArtifactError, match="nowhere"):
        wsss_core.load(tmp_path / "nowhere")


def test_a_device_that_is_not_there_is_refused(tmp_path):
    save_deeplab(tmp_path)
    with pytest.raises(ValueError, match="device 'nonsense' cannot be used here"):
        wsss_core.load(tmp_path, device="nonsense")
