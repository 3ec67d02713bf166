import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss_core.data import images
from wsss_core.data.images import ImageError, image_size, read_image

RED, WHITE = (255, 0, 0), (255, 255, 255)
STRIPES = np.array([[0, 90, 255], [10, 100, 200]], dtype=np.uint8)  # (2, 3)


def save(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def test_grey_fills_all_three_channels(tmp_path):
    path = save(Image.fromarray(STRIPES), tmp_path / "grey.png")
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, np.stack([STRIPES] * 3, axis=2))


def test_one_bit_is_black_and_white(tmp_path):
    bits = np.array([[True, False], [False, True]])
    image = read_image(save(Image.fromarray(bits), tmp_path / "bits.png"))
    np.testing.assert_array_equal(image[..., 0], np.where(bits, 255, 0))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    deep = np.array([[0, 257, 65535], [32768, 300, 12850]], dtype=np.uint16)
    image = read_image(save(Image.fromarray(deep), tmp_path / f"deep.{suffix}"))
    np.testing.assert_array_equal(image[..., 1], [[0, 1, 255], [128, 1, 50]])


def test_16_bit_pgm_is_scaled(tmp_path):
    path = tmp_path / "deep.pgm"
    path.write_bytes(b"P5 2 1 65535\n" + np.array([65535, 514], dtype=">u2").tobytes())
    np.testing.assert_array_equal(read_image(path)[0, :, 0], [255, 2])


@pytest.mark.parametrize("values", [np.float32([[0.5]]), np.int32([[70000]]), np.int32([[-1]])])
def test_pixels_of_unknown_range_are_refused(tmp_path, values):
    path = save(Image.fromarray(values), tmp_path / "depth.tif")
    with pytest.raises(ImageError, match=r"depth\.tif.*8 bits per channel"):
        read_image(path)


def test_palette_becomes_its_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8))
    image.putpalette([*RED, 1, 2, 3])
    np.testing.assert_array_equal(read_image(save(image, tmp_path / "p.png")), [[RED, (1, 2, 3)]])


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_transparent_palette_colour_lies_on_white(tmp_path, suffix):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8))
    image.putpalette([*RED, 1, 2, 3])
    path = save(image, tmp_path / f"p.{suffix}", transparency=1)
    np.testing.assert_array_equal(read_image(path), [[RED, WHITE]])


def test_alpha_is_mixed_with_white(tmp_path):
    rgba = np.array([[[255, 0, 0, 255], [9, 9, 9, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    image = read_image(save(Image.fromarray(rgba), tmp_path / "rgba.png"))
    np.testing.assert_array_equal(image, [[RED, WHITE, (127, 127, 127)]])


def test_grey_with_alpha_is_mixed_with_white(tmp_path):
    values = np.array([[[40, 255], [40, 0]]], dtype=np.uint8)
    image = read_image(save(Image.fromarray(values), tmp_path / "la.png"))
    np.testing.assert_array_equal(image[..., 0], [[40, 255]])


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path, suffix):
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta and yellow: red
    image = read_image(save(ink, tmp_path / f"cmyk.{suffix}"))
    np.testing.assert_allclose(image[4, 4], RED, atol=3)


ORIENTED = {  # orientation -> where the stored image's first pixel is to be seen, as (row, column)
    1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0),
}  # fmt: skip


@pytest.mark.parametrize("orientation", ORIENTED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_exif_orientation_is_applied_to_pixels_and_size(tmp_path, suffix, orientation):
    stored = np.zeros((16, 32, 3), dtype=np.uint8)
    stored[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(stored), tmp_path / f"turned.{suffix}", exif=exif)
    image = read_image(path)
    assert image.shape[:2] == ((32, 16) if orientation > 4 else (16, 32))
    assert image_size(path) == image.shape[:2]
    corners = {place: image[place].mean() for place in ((0, 0), (0, -1), (-1, 0), (-1, -1))}
    assert max(corners, key=corners.__getitem__) == ORIENTED[orientation]


def test_16_bit_grey_is_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.array([[0, 65535]], dtype=np.uint16))
    path = save(deep, tmp_path / "deep.png", exif=exif)
    np.testing.assert_array_equal(read_image(path)[..., 0], [[0], [255]])


@pytest.mark.parametrize("shape", [(1, 1), (20, 3000)])
def test_extreme_shapes_are_read(tmp_path, shape):
    path = save(Image.fromarray(np.zeros(shape, dtype=np.uint8)), tmp_path / "shape.png")
    assert read_image(path).shape == (*shape, 3)
    assert image_size(path) == shape


def test_the_size_of_a_jpeg_needs_no_pixels(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (600, 400)).save(buffer, "JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(buffer.getvalue()[:700])
    assert image_size(path) == (400, 600)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_a_truncated_file_is_named_with_the_remedy(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), tmp_path / f"cut photo.{suffix}")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageError, match=rf"cut photo\.{suffix} cannot be decoded .*; replace the file or leave it"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "page.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"page\.jpg cannot be decoded"):
        read_image(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist; put the image back or leave it out$"):
        read_image(tmp_path / "gone.jpg")


def test_damaged_bytes_raise_nothing_but_image_errors():
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(buffer, "PNG")
    refused = 0
    for _ in range(200):
        content = bytearray(buffer.getvalue())
        content[rng.integers(8, 60)] = rng.integers(256)
        try:
            images.decode_image(bytes(content), Path("x.png"))
        except ImageError:
            refused += 1
    assert refused > 100


def test_100_megapixels_pass_without_a_warning_and_more_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 200)  # the limits themselves, scaled down
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    fits = save(Image.new("L", (20, 10)), tmp_path / "fits.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(fits).shape == (10, 20, 3)
    for width in (21, 50):  # Pillow warns of the first and stops at the second
        path = save(Image.new("L", (width, 10)), tmp_path / "large.png")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ImageError, match=r"large\.png has more than .*; scale the image down"):
                read_image(path)


def test_pillow_knows_the_limit():
    assert Image.MAX_IMAGE_PIXELS == images.MAX_PIXELS == 100_000_000


def test_an_error_names_the_file_on_one_line(tmp_path):
    with pytest.raises(ImageError, match=r"a\\nb\.png does not exist"):
        read_image(tmp_path / "a\nb.png")
