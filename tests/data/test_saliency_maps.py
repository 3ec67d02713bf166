"""Saliency maps made elsewhere."""

import numpy as np
import pytest
from PIL import Image
from workspace import tiny_params

from wsss_core.data.images import ImageError
from wsss_core.data.index import Index, Record
from wsss_core.data.saliency_maps import SAYS_SOMETHING, SaliencyMaps

IDS = ("a", "sub/b c.d", "é")


@pytest.fixture
def index() -> Index:
    records = {name: Record(name, f"{name}.jpg", (), 4, 6, "") for name in IDS}
    return Index("folder", ".", ("dog",), {"train": IDS}, records, "tags")


def write(folder, image_id: str, height=4, width=6, mode="L") -> None:
    path = folder / f"{image_id}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full((height, width), 51, np.uint8)
    values[0, 0] = 255
    Image.fromarray(values).convert(mode).save(path)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_maps_are_read_as_fractions(tmp_path, index, mode):
    for image_id in IDS:
        write(tmp_path, image_id, mode=mode)
    maps = SaliencyMaps.open(tmp_path, index, IDS, otherwise="choose saliency.method: rbd")
    for image_id in IDS:
        saliency = maps.read(image_id)
        assert (saliency.shape, saliency.dtype) == ((4, 6), np.float32)
        np.testing.assert_allclose(saliency.ravel()[:3], [1, 0.2, 0.2])


def test_missing_maps_are_named_and_counted(tmp_path, index):
    write(tmp_path, "a")
    with pytest.raises(ValueError, match=r"lacks the saliency maps of 2 of 3 images \(sub/b c\.d, é\);.*rbd"):
        SaliencyMaps.open(tmp_path, index, IDS, otherwise="choose saliency.method: rbd")


def test_maps_are_found_as_photographs_are(tmp_path, index):
    write(tmp_path, "maps/a")
    Image.new("L", (6, 4), 51).save(tmp_path / "b c.d.jpg")
    write(tmp_path, "e\u0301")
    (tmp_path / "é.jpg").write_bytes(b"the photograph, beside its map")
    maps = SaliencyMaps.open(tmp_path, index, IDS, otherwise="choose rbd")
    assert [path.name for path in maps.paths.values()] == ["a.png", "b c.d.jpg", "e\u0301.png"]


def test_two_maps_of_one_image_are_told(tmp_path, index):
    for name in ("a.jpg", "a.bmp"):
        Image.new("L", (6, 4)).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"several maps for 1 images \(a\); leave one of each"):
        SaliencyMaps.open(tmp_path, index, ["a"], otherwise="choose rbd")


def test_a_map_that_cannot_be_opened_is_named(tmp_path, index):
    (tmp_path / "a.npy").touch()
    with pytest.raises(ValueError, match=r"lacks .* \(a\); found .*a\.npy, for '\.npy' is no suffix of an image;"):
        SaliencyMaps.open(tmp_path, index, ["a"], otherwise="choose rbd")
    with pytest.raises(ValueError, match=r"nowhere is no folder; put the saliency maps there, or choose rbd"):
        SaliencyMaps.open(tmp_path / "nowhere", index, ["a"], otherwise="choose rbd")


def test_many_missing_maps_are_named_in_part(tmp_path, index):
    ids = [f"i{n}" for n in range(30)]
    with pytest.raises(ValueError, match=r"30 of 30 images \(i0, .*i9, \.\.\.\)") as caught:
        SaliencyMaps.open(tmp_path, index, ids, otherwise="choose saliency.method: rbd")
    assert "i10" not in str(caught.value)


def test_a_map_of_another_size_is_refused_height_before_width(tmp_path, index):
    write(tmp_path, "a", height=8, width=4)
    with pytest.raises(ValueError, match=r"a\.png is 8x4, the photograph 4x6 \(height x width\); resize the map"):
        SaliencyMaps.open(tmp_path, index, ["a"], otherwise="choose rbd").read("a")


def test_a_damaged_map_is_named(tmp_path, index):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"a\.png cannot be decoded .*; replace the file or leave it out"):
        SaliencyMaps.open(tmp_path, index, ["a"], otherwise="choose rbd").read("a")


def test_maps_of_16_bits_are_scaled_not_clipped(tmp_path, index):
    Image.fromarray((np.arange(24).reshape(4, 6) * 2000).astype(np.uint16)).save(tmp_path / "a.png")
    saliency = SaliencyMaps.open(tmp_path, index, ["a"], otherwise="choose rbd").read("a")
    np.testing.assert_allclose(saliency.ravel(), np.arange(24) * 2000 / 65535, atol=0.5 / 255)


def test_a_photograph_is_no_map(tmp_path, index):
    Image.new("RGB", (6, 4), "red").save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="it has colours where grey is expected"):
        SaliencyMaps.open(tmp_path, index, ["a"], otherwise="choose rbd").read("a")


def test_a_map_says_something_from_the_threshold_of_the_shipped_rule_on():
    assert tiny_params()["fuse"]["dual_xor"]["saliency_threshold"] == SAYS_SOMETHING
