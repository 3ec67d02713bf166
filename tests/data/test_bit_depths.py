"""Pictures of 16 bits a channel that use fewer."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile  # of scikit-image
from PIL import Image

from wsss_core.data.check import check_dataset
from wsss_core.data.images import ImageError, read_grey, read_image

RNG = np.random.default_rng(0)


def png(path: Path, values: np.ndarray) -> Path:
    """A PNG of 16 bits a channel, which Pillow writes for grey only."""
    height, width, channels = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def tiff(path: Path, values: np.ndarray, order: str) -> Path:
    """A TIFF of 16 bits a channel, without compression."""
    height, width, _ = values.shape
    data = values.astype(f"{order}u2").tobytes()
    shorts = {258: None, 259: 1, 262: 2, 277: 3}
    longs = {256: width, 257: height, 273: None, 278: height, 279: len(data)}
    after = 8 + 2 + 12 * (len(shorts) + len(longs)) + 4
    content = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(shorts) + len(longs))
    for tag in sorted(shorts | longs):
        if tag == 258:
            content += struct.pack(f"{order}HHII", tag, 3, 3, after)
        elif tag in shorts:
            content += struct.pack(f"{order}HHIHH", tag, 3, 1, shorts[tag], 0)
        else:
            content += struct.pack(f"{order}HHII", tag, 4, 1, longs[tag] or after + 6)
    path.write_bytes(content + struct.pack(f"{order}I3H", 0, 16, 16, 16) + data)
    return path


def twelve_bits(*shape: int) -> np.ndarray:
    """Values of a camera of 12 bits, the largest among them."""
    values = RNG.integers(0, 4096, shape)
    values[0, 0] = 4095
    return values


def as_8_bits(values: np.ndarray, full: int) -> np.ndarray:
    return np.floor(values * 255 / full + 0.5).astype(np.uint8)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_of_any_depth_spans_all_8_bits(tmp_path, bits):
    values = np.linspace(0, 2**bits - 1, 60).round().reshape(6, 10)
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], as_8_bits(values, 2**bits - 1))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_and_alpha_of_12_bits_are_no_longer_black(tmp_path, channels):
    values = twelve_bits(5, 7, channels)
    if channels in (2, 4):
        values[..., -1] = 65535
    image = read_image(png(tmp_path / "a.png", values))
    expected = as_8_bits(values[..., : channels - 1 if channels in (2, 4) else channels], 4095)
    np.testing.assert_array_equal(image, np.broadcast_to(expected, (5, 7, 3)))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_12_bits_in_either_order_of_bytes(tmp_path, order):
    values = twelve_bits(5, 7, 3)
    np.testing.assert_array_equal(read_image(tiff(tmp_path / "a.tif", values, order)), as_8_bits(values, 4095))


def test_a_compressed_tiff_of_12_bits(tmp_path):
    values = twelve_bits(40, 30, 3)
    tifffile.imwrite(tmp_path / "a.tif", values.astype(np.uint16), photometric="rgb", compression="deflate")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), as_8_bits(values, 4095))


def test_a_tiff_of_16_bits_in_planes_is_refused_instead_of_read_as_noise(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4, 6), np.uint16), photometric="rgb", planarconfig="separate")
    with pytest.raises(ImageError, match=r"a\.tif cannot be decoded \(16 bits in separate planes; save it with 8 bits"):
        read_image(tmp_path / "a.tif")


def test_colours_of_all_16_bits_keep_their_high_byte(tmp_path):
    values = RNG.integers(0, 65536, (5, 7, 3))
    values[0, 0] = 65535
    np.testing.assert_array_equal(read_image(png(tmp_path / "a.png", values)), values >> 8)


def test_a_transparent_pixel_of_12_bits_lies_on_white(tmp_path):
    values = twelve_bits(1, 2, 4)
    values[0, :, 3] = 0, 65535
    np.testing.assert_array_equal(read_image(png(tmp_path / "a.png", values))[0, 0], [255, 255, 255])


def test_a_declared_range_is_not_guessed(tmp_path):
    path = tmp_path / "dark.pgm"
    path.write_bytes(b"P5 2 1 4095\n" + np.array([1000, 500], dtype=">u2").tobytes())
    np.testing.assert_array_equal(read_image(path)[0, :, 0], [62, 31])


def test_a_map_is_never_scaled_by_its_own_range(tmp_path):
    Image.fromarray(np.array([[4095, 0]], dtype=np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_grey(tmp_path / "a.png"), [[16, 0]])


def test_low_ranges_are_told_once_with_their_depths(folder_set, write):
    images = folder_set.root / "images"
    for name, bits in {"x": 12, "y": 12, "z": 10, "full": 16}.items():
        Image.fromarray(np.array([[0, 2**bits - 1]] * 4, dtype=np.uint16)).save(images / f"{name}.png")
    rows = [f"{name},dog" for name in ("x", "y", "z", "full")]
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "é,", *rows)
    report = check_dataset(folder_set)
    assert report.ok
    (message,) = (problem.message for problem in report.problems if problem.kind == "low range")
    assert "images in files of 16 bits hold less: 1 of 10 bits (z), 2 of 12 bits (x, y); each is scaled" in message
