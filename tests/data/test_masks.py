import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss_core.data.formats import coco_masks
from wsss_core.data.index import Index
from wsss_core.data.indexing import build_index
from wsss_core.data.listing import read_listing
from wsss_core.data.masks import Masks, open_masks
from wsss_core.data.source import Source
from wsss_core.problems import DatasetError

# A 7 x 11 mask and its compressed run lengths, written by pycocotools 2.0.
COCO_ROWS = (
    "10001111011", "01010100000", "11101111100", "10001100000", "01010110100", "00100000001", "01001101001",
)  # fmt: skip
COCO_MASK = np.array([[int(digit) for digit in row] for row in COCO_ROWS], dtype=bool)
COCO_COUNTS = "011130MO001000000000O114OL0O0010O020O0O01040N1"


def index_of(source: Source) -> Index:
    return build_index(read_listing(source), source)


def masks_of(source: Source, index: Index | None = None) -> Masks:
    return open_masks(source, index or index_of(source))


def test_voc_masks_are_found_by_id(voc_set, write):
    expected = np.full((4, 6), 255)
    write.labels(voc_set.root / "SegmentationClass" / "b c.d.png", expected)
    (voc_set.root / "SegmentationClass" / "a.png").unlink()
    masks = masks_of(voc_set)
    np.testing.assert_array_equal(masks.read("b c.d"), expected)
    assert not masks.available("a")
    with pytest.raises(DatasetError, match="image a has no mask"):
        masks.read("a")


def test_folder_masks_lie_in_the_same_sub_folders(folder_set, write):
    assert not masks_of(folder_set).available("sub/b c.d")
    write.labels(folder_set.root / "masks" / "sub" / "b c.d.png", np.full((4, 6), 2))
    assert masks_of(folder_set).read("sub/b c.d").max() == 2


def test_any_format_takes_a_folder_of_masks(any_set, write):
    write.labels(any_set.root / "truth" / "a.png", np.full((4, 6), 2))
    masks = masks_of(replace(any_set, masks="truth"))
    assert masks.available("a")
    assert masks.read("a").min() == 2


def test_masks_in_one_folder_are_found_by_base_name_if_no_other_image_has_it(folder_set, write, caplog):
    write.labels(folder_set.root / "masks" / "b c.d.png", np.full((4, 6), 2))
    assert masks_of(folder_set).read("sub/b c.d").max() == 2
    assert "1 images were found by the ends of their paths only (b c.d)" in caplog.text
    write.photo(folder_set.root / "images/other/b c.d.jpg", grey=9)
    write.text(folder_set.root / "labels.csv", "image,labels", "a,dog", "sub/b c.d,cat", "other/b c.d,cat", "é,")
    masks = masks_of(folder_set)
    assert not masks.available("sub/b c.d")
    assert not masks.available("other/b c.d")


def test_a_folder_of_masks_that_is_named_must_be_there(any_set):
    with pytest.raises(DatasetError, match=r"truth: there is no such folder; correct dataset.masks"):
        masks_of(replace(any_set, masks="truth"))


def test_a_mask_of_another_size_is_named_with_its_image(voc_set, write):
    write.labels(voc_set.root / "SegmentationClass" / "a.png", np.zeros((8, 4)))
    with pytest.raises(
        DatasetError, match=r"a\.png is 8 x 4 pixels .* its image JPEGImages/a\.jpg is 4 x 6; scale"
    ):
        masks_of(voc_set).read("a")


def turn_by_exif(path: Path, orientation: int) -> None:
    """Store a photograph turned, with the EXIF orientation that shows it as before; size only, not content."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(path) as image:
        image.resize(image.size[::-1]).save(path, exif=exif)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_as_a_turned_photograph_is_stored_is_not_to_be_scaled(voc_set, write, orientation):
    turn_by_exif(voc_set.root / "JPEGImages/a.jpg", orientation)
    masks = masks_of(voc_set)
    assert masks.read("a").shape == (4, 6)
    write.labels(voc_set.root / "SegmentationClass/a.png", np.zeros((6, 4)))
    with pytest.raises(DatasetError, match=r"a\.jpg is 4 x 6; .* EXIF orientation .* turn it as the photograph"):
        masks.read("a")


def test_coco_outlines_as_a_turned_photograph_is_stored_are_told(coco_set, write):
    turn_by_exif(coco_set.root / "images/train/a.jpg", 6)
    write.change(coco_set.root / coco_set.train, '"height": 4, "width": 6', '"height": 6, "width": 4')
    with pytest.raises(DatasetError, match=r"mask of a is 6 x 4 .* as its EXIF orientation asks, .* turn it as"):
        masks_of(coco_set).read("a")


def test_a_mask_whose_sides_are_exchanged_is_to_be_turned(voc_set, write):
    write.labels(voc_set.root / "SegmentationClass/a.png", np.zeros((6, 4)))
    with pytest.raises(DatasetError, match=r"height and width are exchanged, so turn it by 90 degrees \(scaled, it"):
        masks_of(voc_set).read("a")


def test_two_masks_of_one_image_are_named(voc_set, write):
    write.labels(voc_set.root / "SegmentationClass" / "a.bmp", np.zeros((4, 6)))
    with pytest.raises(DatasetError, match=r"a\.bmp and .*a\.png are both the mask of a"):
        masks_of(voc_set)


def test_coco_polygons_fill_the_pixels_whose_centres_they_hold(coco_set):
    masks = masks_of(coco_set)
    expected = np.zeros((4, 6))
    expected[1:3, 1:4] = 2  # dog
    expected[0, 0] = 1  # bird
    np.testing.assert_array_equal(masks.read("a"), expected)
    np.testing.assert_array_equal(masks.read("b c.d"), np.zeros((4, 6)))
    assert masks.available("é")


def test_coco_masks_need_a_file(coco_set):
    with pytest.raises(ValueError, match="pass train and val, or masks"):
        masks_of(replace(coco_set, train=""), index=index_of(coco_set))


def test_a_json_of_masks_serves_the_images_it_names(coco_set):
    masks = masks_of(replace(coco_set, masks=coco_set.val))
    assert masks.available("é")
    assert not masks.available("a")


def test_coco_boxes_without_outlines_are_no_masks(coco_set):
    path = coco_set.root / coco_set.train
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"] = []
    path.write_text(json.dumps(content))
    masks = masks_of(coco_set)
    assert not masks.available("a")
    assert masks.available("b c.d")


def test_a_broken_annotation_names_file_and_image(coco_set):
    path = coco_set.root / coco_set.train
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"] = {"size": [4, 6], "counts": [3, 4]}
    path.write_text(json.dumps(content))
    with pytest.raises(
        DatasetError, match=r"instances_train\.json: .* image a is broken: .* do not fill 4 x 6"
    ):
        masks_of(coco_set).read("a")


def test_coco_size_that_is_not_the_images_is_named(coco_set):
    path = coco_set.root / coco_set.train
    path.write_text(path.read_text().replace('"width": 6', '"width": 7'))
    with pytest.raises(DatasetError, match="mask of a is 4 x 7 pixels"):
        masks_of(coco_set).read("a")


def test_run_lengths_go_down_the_columns():
    mask = coco_masks.decode_runs([1, 3, 2], height=2, width=3)
    np.testing.assert_array_equal(mask, [[0, 1, 0], [1, 1, 0]])


@pytest.mark.parametrize("counts", [COCO_COUNTS, COCO_COUNTS.encode()])
def test_compressed_run_lengths_are_those_of_pycocotools(counts):
    np.testing.assert_array_equal(coco_masks.decode_runs(counts, height=7, width=11), COCO_MASK)


@pytest.mark.parametrize("counts", [[1, 2], [7, -1], [], "0", "0" * 60, "P", "\x01"])
def test_run_lengths_that_do_not_fill_the_image_are_refused(counts):
    with pytest.raises(coco_masks.SegmentationError, match="run lengths"):
        coco_masks.decode_runs(counts, height=2, width=3)


def draw(*annotations: tuple[int, object, bool]) -> np.ndarray:
    entries = [
        {"category_id": category, "segmentation": outline, "iscrowd": int(crowd)}
        for category, outline, crowd in annotations
    ]
    return coco_masks.label_map(entries, labels={3: 1, 7: 2}, height=2, width=4)


def test_the_smaller_of_two_objects_lies_above_in_either_order():
    large, small = (7, [[0, 0, 4, 0, 4, 2, 0, 2]], False), (3, [[0, 0, 1, 0, 1, 1, 0, 1]], False)
    expected = [[1, 2, 2, 2], [2, 2, 2, 2]]
    np.testing.assert_array_equal(draw(large, small), expected)
    np.testing.assert_array_equal(draw(small, large), expected)


def test_a_crowd_is_ignored_where_no_object_lies_on_it():
    crowd = (3, {"size": [2, 4], "counts": [0, 2, 6]}, True)
    single = (7, [[0, 0, 4, 0, 4, 1, 0, 1]], False)
    np.testing.assert_array_equal(draw(single, crowd), [[2, 2, 2, 2], [255, 0, 0, 0]])


def test_a_flat_polygon_is_one_polygon():
    flat = [0, 0, 1, 0, 1, 1, 0, 1]
    np.testing.assert_array_equal(draw((3, flat, False)), draw((3, [flat], False)))


def test_run_lengths_may_be_whole_floats():
    runs = {"size": [2.0, 4.0], "counts": [0.0, 2.0, 6.0]}
    np.testing.assert_array_equal(draw((3, runs, False)), [[1, 0, 0, 0], [1, 0, 0, 0]])


def test_objects_of_several_polygons_and_of_other_categories():
    two_parts = [[0, 0, 1, 0, 1, 1, 0, 1], [3, 1, 4, 1, 4, 2, 3, 2]]
    other = (8, [[0, 0, 4, 0, 4, 2, 0, 2]], False)
    np.testing.assert_array_equal(draw((3, two_parts, False), other), [[1, 0, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ([[0, 0, 1, 1]], "4 numbers"),
        ([], "no outline"),
        ({"size": [4, 2], "counts": [8]}, "for 4 x 2 pixels"),
        ({"counts": [8]}, "its run lengths have no size"),
        ({"size": [2, 4]}, "its run lengths have no counts"),
        ({"size": [2, 4], "counts": None}, r"its run lengths\[counts\] is None, where numbers belong"),
        ({"size": None, "counts": [8]}, r"its run lengths\[size\] is None, where numbers belong"),
        ({"size": [2, 4], "counts": [7.5, 0.5]}, r"\[counts\]\[0\] is 7\.5"),
        ([[0, 0, 1, 1, float("nan"), 1]], r"its outline\[0\]\[4\] is nan"),
        ([[0, 0, 1e300, 1, 1, 1]], r"its outline\[0\]\[2\] is 1e\+300"),
        ([None], r"its outline\[0\]\[0\] is None"),
        ("AB", "its outline is 'AB'"),
    ],
)
def test_outlines_that_make_no_sense_are_refused(outline, message):
    with pytest.raises(coco_masks.SegmentationError, match=message):
        draw((3, outline, False))
