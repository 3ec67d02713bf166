"""Masks that are no image's are counted and named, with what was probably meant."""

import json
from dataclasses import replace

import numpy as np
import pytest

from wsss_core.data.check import check_dataset
from wsss_core.data.listing import scan_listing
from wsss_core.data.source import Source

MASK = np.zeros((4, 6))


def messages_of(source: Source) -> list[str]:
    _, problems = scan_listing(source)
    return [problem.message for problem in problems if problem.file.endswith("/masks")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a_mask", "whose names have more than the images' (a_mask); if a_mask.png is the mask of a, call it a.png"),
        ("gt-a", "whose names have more than the images' (gt-a); if gt-a.png is the mask of a, call it a.png"),
        ("a.jpg", "whose names have more than the images' (a.jpg); if a.jpg.png is the mask of a, call it a.png"),
        ("sub/A", "whose names differ in case (sub/A); if A.png is the mask of a, call it a.png"),
        ("B C.D_2", "whose names have more than the images' (B C.D_2); if B C.D_2.png is the mask of sub/b c.d, call"),
        ("banana", "images bears their names (banana); correct the names, or take the masks out"),
    ],
)
def test_a_mask_of_a_wrong_name_is_named_with_the_image_it_may_belong_to(folder_set, write, name, reason):
    write.labels(folder_set.root / "masks" / f"{name}.png", MASK)
    (message,) = messages_of(folder_set)
    assert "masks: 1 masks belong to no image, " in message
    assert reason in message


def test_check_counts_masks_without_an_image(folder_set, write):
    for name in ("a_mask", "é_mask", "b c.d"):
        write.labels(folder_set.root / "masks" / f"{name}.png", MASK)
    assert "warning: mask without image (1)\n" in check_dataset(folder_set).text()
    assert "masks: 2 masks belong to no image" in check_dataset(folder_set).text()


def test_one_mask_name_for_images_in_two_folders_is_told(folder_set, write):
    write.photo(folder_set.root / "images/other/b c.d.jpg", grey=9)
    write.labels(folder_set.root / "masks/b c.d.png", MASK)
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "other/b c.d,cat", "é,")
    (message,) = messages_of(folder_set)
    assert "for images or masks of that name lie in several folders (b c.d); sort them as" in message


def test_files_that_are_no_label_images_are_told(folder_set, write):
    write.text(folder_set.root / "masks/a.npy")
    (message,) = messages_of(folder_set)
    assert "1 is passed over, for '.npy' is no suffix of an image: a.npy; label images are grey or" in message
    (folder_set.root / "masks/a.npy").rename(folder_set.root / "masks/a.json")
    (message,) = messages_of(folder_set)
    assert "none of its 1 files is a mask (a.json)" in message


def test_masks_of_photographs_in_no_split_are_no_matter(voc_set, write):
    write.photo(voc_set.root / "JPEGImages/x.jpg", grey=9)
    write.labels(voc_set.root / "SegmentationClass/x.png", MASK)
    assert messages_of(replace(voc_set, masks="masks")) == []
    (voc_set.root / "SegmentationClass").rename(voc_set.root / "masks")
    assert messages_of(replace(voc_set, masks="masks")) == []


@pytest.mark.parametrize("masks", ["a", "sub/b c.d", "b c.d", "é"])
def test_masks_that_are_found_are_no_strays(any_set, write, masks):
    write.labels(any_set.root / "masks" / f"{masks}.png", MASK)
    assert messages_of(replace(any_set, masks="masks")) == []


def test_entries_of_a_json_of_masks_that_are_no_photograph_are_counted(coco_set):
    path = coco_set.root / coco_set.val
    content = json.loads(path.read_text(encoding="utf-8"))
    content["images"] += [{"id": 50 + i, "file_name": f"gone {i}.jpg", "height": 4, "width": 6} for i in range(2)]
    path.write_text(json.dumps(content), encoding="utf-8")
    _, problems = scan_listing(replace(coco_set, val="", masks=coco_set.val))
    (stray,) = [problem for problem in problems if problem.kind == "mask without image"]
    assert (stray.severity, stray.file) == ("warning", str(path))
    assert "2 of its 3 images have no photograph in " in stray.message
    assert "(gone 0, gone 1); add the photographs, or correct the names" in stray.message


def test_entries_of_a_json_that_are_photographs_of_no_split_are_no_matter(coco_set):
    _, problems = scan_listing(replace(coco_set, val="", masks=coco_set.val))
    assert not [problem for problem in problems if problem.kind == "mask without image"]
