"""Files with several pictures: animations, pages, videos."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss_core.data import frames, videos
from wsss_core.data.images import ImageError, decode_image

COLOURS = ["red", "lime", "blue"]


def stored(kind: str, pictures, **options) -> bytes:
    file = io.BytesIO()
    first, *others = pictures
    if others:
        options = {"save_all": True, "append_images": others, **options}
    first.save(file, format=kind, **options)
    return file.getvalue()


def plain(colours=COLOURS) -> list[Image.Image]:
    return [Image.new("RGB", (12, 8), colour) for colour in colours]


def read(content: bytes, name: str) -> list[np.ndarray]:
    return list(frames.pictures(content, Path(name)))


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [("a.gif", "GIF", {}), ("a.webp", "WEBP", {"lossless": True}), ("a.png", "PNG", {}), ("a.tif", "TIFF", {})],
)
def test_every_picture_of_a_file_is_read_in_its_order(name, kind, options):
    content = stored(kind, plain(), **options)
    assert frames.places(content, Path(name)) == [0, 1, 2]
    found = read(content, name)
    assert [tuple(picture[4, 6]) for picture in found] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert {(picture.shape, picture.dtype.name) for picture in found} == {((8, 12, 3), "uint8")}


@pytest.mark.parametrize(("name", "kind"), [("a.gif", "GIF"), ("a.png", "PNG"), ("a.tif", "TIFF"), ("a.jpg", "JPEG")])
def test_of_one_picture_it_is_what_an_image_is_read_as(name, kind):
    content = stored(kind, plain(["orange"]))
    (picture,) = read(content, name)
    np.testing.assert_array_equal(picture, decode_image(content, Path(name)))


def test_the_second_view_of_a_jpeg_is_no_frame():
    assert frames.places(stored("MPO", plain()), Path("a.jpg")) == [0]


def test_a_smaller_copy_in_a_tiff_is_no_page():
    pages = plain()
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}  # a reduced copy of another page
    content = stored("TIFF", pages)
    assert frames.places(content, Path("a.tif")) == [0, 2]
    assert [tuple(picture[0, 0]) for picture in read(content, "a.tif")] == [(255, 0, 0), (0, 0, 255)]


def test_pages_of_16_bits_are_scaled_as_a_photograph_is():
    deep = [Image.fromarray(np.full((4, 4), value, np.uint16)) for value in (4095, 2048)]
    assert [picture.max() for picture in read(stored("TIFF", deep), "a.tif")] == [255, 128]


def test_frames_before_a_fault_are_read_and_the_fault_is_named():
    noise = np.random.default_rng(0).integers(0, 256, (3, 60, 60, 3), dtype=np.uint8)
    content = stored("GIF", [Image.fromarray(picture) for picture in noise])
    found = frames.pictures(content[: len(content) * 2 // 3], Path("cut.gif"))
    next(found)
    with pytest.raises(ImageError, match=r"cut.gif cannot be decoded"):
        list(found)


def test_without_pyav_a_video_is_no_use_and_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    assert videos.why_closed() == "for videos are read by PyAV, which is not here: `pip install av`"


def test_every_frame_of_a_video_is_read(tmp_path):
    av = pytest.importorskip("av", reason="the optional reader of videos")
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in (20, 120, 220):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), value, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = list(videos.frames(tmp_path / "a.mp4"))
    assert [picture.shape for picture in found] == [(48, 64, 3)] * 3
    np.testing.assert_allclose([picture.mean() for picture in found], [20, 120, 220], atol=4)


def test_what_is_no_video_is_named(tmp_path):
    pytest.importorskip("av", reason="the optional reader of videos")
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(ImageError, match=r"a.mp4 cannot be decoded \(.+\); replace the file or leave it out"):
        list(videos.frames(tmp_path / "a.mp4"))
