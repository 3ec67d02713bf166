"""Whether colour-blind people tell the colours of labels apart, and what tells them apart beyond eight."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from wsss_core.report import palette
from wsss_core.voc import BACKGROUND, IGNORE_INDEX

# Machado, Oliveira and Fernandes, 2009, severity 1: what a dichromat sees, in linear RGB.
SEEN = {
    "everybody": np.eye(3),
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab_seen(colours: np.ndarray, eye) -> np.ndarray:
    """CIE L*a*b* of (N, 3) sRGB colours in [0, 255] as an eye sees them."""
    encoded = colours / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) @ np.transpose(eye)
    linear = linear.clip(0, 1)
    seen = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(seen[None])[0]


@pytest.mark.parametrize("eye", SEEN.values(), ids=SEEN.keys())
def test_every_eye_tells_the_first_eight_classes_apart(eye):
    seen = lab_seen(palette.COLOURS, eye)
    distances = np.linalg.norm(seen[:, None] - seen, axis=-1)
    assert distances[~np.eye(len(seen), dtype=bool)].min() > 15  # 2.3 is just noticeable


def test_the_first_64_classes_differ_in_colour_or_pattern():
    labels = range(1, 65)
    assert len({(*palette.colour_of(label), palette.pattern_of(label)) for label in labels}) == 64
    assert len({palette.css(label) for label in labels}) == 64
    drawn = [palette.painted(np.full((16, 16), label)) for label in labels]
    assert len({picture.tobytes() for picture in drawn}) == 64


def test_a_pattern_leaves_most_of_a_class_in_its_own_colour():
    assert palette.PATTERNS.mean(axis=(1, 2)).max() <= 0.5


def test_any_label_of_a_map_is_painted_and_what_is_no_class_is_grey():
    drawn = palette.painted(np.array([[BACKGROUND, 1, 254, IGNORE_INDEX]]))
    assert drawn[0, 0].tolist() == drawn[0, 3].tolist() == [217] * 3
    assert drawn[0, 1].tolist() == [230, 159, 0]
