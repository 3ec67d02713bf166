"""Saliency sets: pairs of folders, what is said of bad ones, and the stream beside the tagged photographs."""

import numpy as np
import pytest
import torch
from PIL import Image

from wsss_core import artifacts, manifests
from wsss_core.data.images import ImageError
from wsss_core.data.index import Index, Record
from wsss_core.data.saliency_maps import log_failed
from wsss_core.data.saliency_set import OwnMaps, SaliencyFolders, SaliencySet, SaliencySetError
from wsss_core.data.training_set import PairedSet, TrainingSet, batches, require_labels
from wsss_core.data.transforms import augmentation

PLAIN = {
    "long_side": None, "scale": (1.0, 1.0), "crop": 32, "flip": False, "color_jitter": (0, 0, 0, 0), "pad": "mean",
}  # fmt: skip
SQUARE = np.zeros((24, 40), np.uint8)
SQUARE[6:18, 10:30] = 255


def write(folder, name: str, values: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(values).save(folder / name)


@pytest.fixture
def folders(tmp_path):
    """Three photographs of noise and their masks."""
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        write(tmp_path / "images", f"{name}.jpg", rng.integers(0, 256, (24, 40, 3), dtype=np.uint8))
        write(tmp_path / "masks", f"{name}.png", SQUARE)
    return tmp_path / "images", tmp_path / "masks"


def test_photographs_and_masks_pair_by_name(folders):
    pairs = SaliencyFolders.open(*folders)
    assert list(pairs.ids) == ["a", "b", "c"]
    assert pairs.image("b").shape == (24, 40, 3)
    assert np.array_equal(pairs.mask("b"), SQUARE)


def test_masks_without_photographs_are_left_alone(folders):
    write(folders[1], "z.png", SQUARE)
    assert list(SaliencyFolders.open(*folders).ids) == ["a", "b", "c"]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("made", [False, True], ids=["absent", "empty"])
def test_a_folder_that_is_not_there_or_empty(folders, tmp_path, place, made):
    given = [*folders]
    given[place] = tmp_path / "other"
    if made:
        given[place].mkdir()
    with pytest.raises(SaliencySetError, match="other holds no images; correct `saliency_set`, which names it"):
        SaliencyFolders.open(*given)


def test_two_files_of_one_name_are_refused(folders):
    write(folders[1], "a.bmp", SQUARE)
    with pytest.raises(SaliencySetError, match=r"has several files for 1 names \(a\); leave one of each"):
        SaliencyFolders.open(*folders)


def test_folders_that_were_taken_for_each_other(folders):
    with pytest.raises(ImageError, match="it has colours where grey is expected"):
        SaliencyFolders.open(folders[1], folders[0]).check()


def test_one_inverted_mask_is_told(folders, caplog):
    write(folders[1], "b.png", 255 - SQUARE)
    SaliencyFolders.open(*folders).check()
    assert "1 of 3 saliency masks are salient along most of their border (b)" in caplog.text


def test_missing_masks_are_counted_and_named(folders):
    (folders[1] / "b.png").unlink()
    (folders[1] / "c.png").unlink()
    with pytest.raises(SaliencySetError, match=r"lacks the masks of 2 of 3 photographs \(b, c\)"):
        SaliencyFolders.open(*folders)


@pytest.mark.parametrize("ones", [np.where(SQUARE > 0, 1, 0).astype(np.uint8), SQUARE > 0])
def test_masks_of_zeros_and_ones_are_masks(folders, ones):
    write(folders[1], "a.png", ones)
    assert np.array_equal(SaliencyFolders.open(*folders).mask("a"), SQUARE)


def test_grey_contours_are_cut_at_half_and_counted(folders, caplog):
    grey = SQUARE.copy()
    grey[6], grey[17] = 127, 128
    write(folders[1], "a.png", grey)
    pairs = SaliencyFolders.open(*folders)
    pairs.check()
    assert "1 of 3 saliency masks are not binary (a); pixels from 128 on count as salient" in caplog.text
    assert not pairs.mask("a")[6].any() and pairs.mask("a")[17].all()


def test_an_empty_mask_among_others_is_counted(folders, caplog):
    write(folders[1], "c.png", 0 * SQUARE)
    SaliencyFolders.open(*folders).check()
    assert "1 of 3 saliency masks are empty (c)" in caplog.text


def test_clean_masks_are_passed_in_silence(folders, caplog):
    SaliencyFolders.open(*folders).check()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda mask: mask[:-1], "is 23x40, the photograph 24x40"),
        (lambda mask: 255 - mask, "100 % of their border salient: they look inverted"),
        (lambda mask: 1 - mask // 255, "100 % of their border salient: they look inverted"),
        (lambda mask: 0 * mask, "no mask in .* has a salient pixel"),
    ],
)
def test_masks_that_cannot_be_meant(folders, edit, message):
    for name in ("a", "b", "c"):
        write(folders[1], f"{name}.png", edit(SQUARE))
    with pytest.raises(SaliencySetError, match=message):
        SaliencyFolders.open(*folders).check()


def test_an_item_is_the_photograph_with_its_mask_and_its_padding(folders):
    samples = SaliencySet(SaliencyFolders.open(*folders), augmentation(**PLAIN), seed=0)
    item = samples[0]
    assert {name: tuple(value.shape) for name, value in item.items()} == {
        "saliency_image": (3, 32, 32), "saliency_mask": (32, 32), "saliency_roi": (32, 32),
    }  # fmt: skip
    assert set(item["saliency_mask"].unique().tolist()) == {0.0, 1.0}
    assert item["saliency_roi"].sum() == 24 * 32, "8 rows are padding"
    assert not item["saliency_mask"][~item["saliency_roi"]].any()


@pytest.fixture
def index(tmp_path) -> Index:
    names = ("p", "q", "r", "s")
    rng = np.random.default_rng(1)
    for name in names:
        write(tmp_path / "photos", f"{name}.png", rng.integers(0, 256, (24, 40, 3), dtype=np.uint8))
        artifacts.write_grey(tmp_path / "maps", name, SQUARE / 255 * 0.6)
    found = {name: manifests.file_digest(tmp_path / f"photos/{name}.png") for name in names}
    records = {name: Record(name, f"{name}.png", (1,), 24, 40, found[name]) for name in names}
    return Index("folder", str(tmp_path / "photos"), ("cat",), {"train": names}, records, "tags")


def test_maps_of_the_photographs_themselves_stay_grey_around_their_own_threshold(index, tmp_path):
    faint = 0.1 * (SQUARE > 0) + 0.02 * np.linspace(0, 1, SQUARE.size).reshape(SQUARE.shape)
    for name in index.ids("train"):
        artifacts.write_grey(tmp_path / "maps", name, faint)
    samples = SaliencySet(OwnMaps(index, index.ids("train"), tmp_path / "maps"), augmentation(**PLAIN), seed=0)
    values = samples[0]["saliency_mask"]
    assert 0.5 < values.max() < 1, "nothing reaches one half as it is"
    assert (values > 0.5).sum() == (SQUARE > 0).sum()
    assert len(values.unique()) > 5, "it is not cut in two"


def test_both_streams_come_in_one_batch_and_the_tagged_one_counts(folders, index):
    augment = augmentation(**PLAIN)
    tagged = TrainingSet(index, index.ids("train"), augment, seed=0)
    both = PairedSet(tagged, SaliencySet(SaliencyFolders.open(*folders), augment, seed=0))
    assert len(both) == 4
    (batch,) = batches(both, batch=4, steps=1, workers=0)(0)
    assert batch["image"].shape == batch["saliency_image"].shape == (4, 3, 32, 32)
    assert sorted(batch["id"]) == ["p", "q", "r", "s"]
    assert torch.equal(batch["image"][2], tagged[2]["image"])


def test_photographs_beside_themselves_are_other_crops(index, tmp_path):
    for name in index.ids("train"):
        artifacts.write_grey(tmp_path / "maps", name, SQUARE / 255)
    augment = augmentation(**PLAIN | {"scale": (0.7, 1.4), "flip": True})
    tagged = TrainingSet(index, index.ids("train"), augment, seed=0)
    both = PairedSet(tagged, SaliencySet(OwnMaps(index, index.ids("train"), tmp_path / "maps"), augment, seed=0))
    items = [both[position] for position in range(40)]
    assert not any(torch.equal(item["image"], item["saliency_image"]) for item in items)


def test_a_training_set_moves_labels_and_saliency_alike(index):
    random = PLAIN | {"scale": (0.7, 1.4), "flip": True}
    samples = TrainingSet(
        index, index.ids("train"), augmentation(**random), seed=3, labels=lambda _: SQUARE // 255,
        saliency=lambda _: SQUARE / 255,
    )  # fmt: skip
    for position in range(6):
        item = samples[position]
        inside = item["roi"]
        assert torch.equal(item["saliency"][inside], item["labels"][inside].float())
        assert (item["labels"][~inside] == 255).all()


def test_a_training_set_s_saliency_lies_between_0_and_1(index):
    saliency = np.linspace(0, 1, 24 * 40).reshape(24, 40)
    augment = augmentation(**PLAIN | {"crop": 48})
    sample = TrainingSet(index, index.ids("train")[:1], augment, seed=0, saliency=lambda name: saliency)[0]
    assert sample["saliency"].dtype == torch.float32
    np.testing.assert_allclose(sample["saliency"][sample["roi"]], saliency.ravel(), atol=0.5 / 255 + 1e-6)


def test_labels_without_any_labelled_pixel_are_refused_or_counted(index, tmp_path, caplog):
    nothing = np.full((2, 2), 255, np.uint8)
    with pytest.raises(ValueError, match=r"not one pixel is labelled in .*all 4 images is ignored"):
        require_labels(index, lambda _: nothing, source=tmp_path)
    require_labels(index, lambda name: nothing if name == "p" else nothing * 0, source=tmp_path)
    assert "1 of 4 label maps" in caplog.text


def test_classes_that_label_no_pixel_though_tags_name_them_are_named(index, tmp_path, caplog):
    labels = np.zeros((2, 2), np.uint8)
    require_labels(index, lambda name: labels + (name == "q"), source=tmp_path)
    assert not caplog.text
    require_labels(index, lambda _: labels, source=tmp_path)
    assert "is labelled cat, though tags name them" in caplog.text


def test_maps_that_say_nothing_and_inverted_ones_are_counted(caplog):
    said = {"empty": 0 * SQUARE / 255, "full": 0 * SQUARE / 255 + 1, "good": SQUARE / 255}
    log_failed(list(said), said.get, threshold=0.06)
    assert "2 of 3 saliency maps are constant, empty or full (empty, full)" in caplog.text
    assert "inverted" not in caplog.text
    log_failed(["good", "inverted", "too"], lambda name: abs((name != "good") - SQUARE / 255), threshold=0.06)
    assert "2 of 3 saliency maps are brighter along their border than inside" in caplog.text


def test_inverted_maps_of_small_objects_are_told(caplog):
    small = np.zeros((40, 40))
    small[18:22, 18:22] = 1
    log_failed(["a", "b"], lambda _: 1 - small, threshold=0.06)
    assert "2 of 2 saliency maps are brighter along their border than inside" in caplog.text
