"""Label images: the stored value counts, however it is stored."""

from pathlib import Path
from struct import pack
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import Image

from wsss_core import voc
from wsss_core.data.label_images import read_labels
from wsss_core.problems import DatasetError

MAP = np.array([[0, 1, 2], [15, 20, 255]], dtype=np.uint8)  # (2, 3)


def in_colours() -> Image.Image:
    image = Image.fromarray(MAP)
    image.putpalette(voc.palette())
    return image.convert("RGB")


def as_palette() -> Image.Image:
    image = Image.fromarray(MAP)
    image.putpalette(voc.palette())
    return image


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(MAP),
        as_palette(),
        in_colours(),
        in_colours().convert("RGBA"),
        Image.fromarray(MAP.astype("i4")),
    ],
    ids=["grey", "palette", "colours", "colours with alpha", "32 bit"],
)
def test_labels_are_the_same_however_they_are_stored(tmp_path, image):
    path = tmp_path / ("m.tif" if image.mode == "I" else "m.png")
    image.save(path)
    decoded = read_labels(path, num_classes=20)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, MAP)


def test_palette_indices_count_and_not_their_colours(tmp_path):
    image = Image.fromarray(MAP)
    image.putpalette([7] * 768)
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png", num_classes=20), MAP)


def test_a_one_bit_mask_holds_background_and_the_first_class(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png", num_classes=1), [[1, 0]])


def png(path: Path, values: np.ndarray, *, bits: int, palette: bool) -> None:
    """A grey or palette PNG whose pixels are stored in 1, 2, 4 or 8 bits; Pillow itself writes no grey of 2 or 4."""
    height, width = values.shape
    digits = (values[..., None] >> np.arange(bits)[::-1]) & 1  # (H, W, bits), highest first
    rows = b"".join(b"\0" + np.packbits(row.reshape(-1)).tobytes() for row in digits.astype(np.uint8))
    header = pack(">IIBBBBB", width, height, bits, 3 if palette else 0, 0, 0, 0)
    colours = [(b"PLTE", bytes(7 for _ in range(3 << bits)))] if palette else []
    chunks = [(b"IHDR", header), *colours, (b"IDAT", compress(rows)), (b"IEND", b"")]
    parts = [pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data)) for kind, data in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.mark.parametrize("palette", [False, True], ids=["grey", "palette"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_labels_of_few_bits_are_not_stretched(tmp_path, bits, palette):
    expected = np.arange(min(1 << bits, 21)).reshape(1, -1)
    png(tmp_path / "m.png", expected, bits=bits, palette=palette)
    np.testing.assert_array_equal(read_labels(tmp_path / "m.png", num_classes=20), expected)


@pytest.mark.parametrize(
    ("content", "values"),
    [(b"P5 3 1 3\n\0\1\3", [0, 1, 3]), (b"P2 2 1 20\n7 20", [7, 20]), (b"P5 2 1 300\n\0\1\0\xff", [1, 255])],
)
def test_labels_of_a_pgm_are_not_stretched_to_its_range(tmp_path, content, values):
    (tmp_path / "m.pgm").write_bytes(content)
    np.testing.assert_array_equal(read_labels(tmp_path / "m.pgm", num_classes=20), [values])


def test_an_illegal_value_is_named(tmp_path):
    Image.fromarray(MAP).save(tmp_path / "m.png")
    with pytest.raises(
        DatasetError, match=r"m\.png holds the value 20, not only 0\.\.19 and 255 .*; correct"
    ):
        read_labels(tmp_path / "m.png", num_classes=19)


def test_a_16_bit_value_does_not_wrap_to_a_legal_one(tmp_path):
    Image.fromarray(np.array([[256 + 3]], dtype=np.uint16)).save(tmp_path / "m.png")
    with pytest.raises(DatasetError, match="holds the value 259"):
        read_labels(tmp_path / "m.png", num_classes=20)


def test_a_colour_outside_the_palette_is_named(tmp_path):
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "m.png")
    with pytest.raises(DatasetError, match=r"^\S*m\.png holds the colour \(1, 2, 3\)"):
        read_labels(tmp_path / "m.png", num_classes=20)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_damaged_mask_is_named(tmp_path, content):
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"m\.png cannot be decoded"):
        read_labels(tmp_path / "m.png", num_classes=20)


def test_a_mask_of_a_strange_mode_is_named(tmp_path):
    Image.new("CMYK", (2, 2)).save(tmp_path / "m.tif")
    with pytest.raises(DatasetError, match=r"^\S*m\.tif is of mode CMYK; save the mask as 8 bit grey"):
        read_labels(tmp_path / "m.tif", num_classes=20)
