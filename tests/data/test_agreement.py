"""True masks held against tags: what is told of a set, and that honest sets are left in peace."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from wsss_core import voc
from wsss_core.data.agreement import Seen, contradicts, disagreements, seen
from wsss_core.data.check import check_dataset
from wsss_core.data.source import Source
from wsss_core.problems import Problem

CLASSES = ("cat", "dog", "emu")
TAGS = ({1}, {2}, {3}, {1, 2}, {1}, {2}, {3}, {2, 3}, {1}, {2}, {3}, set())
"""The tags of twelve images; each class is on its own in three."""


def images(mask_ids: Callable[[int], int | None], *, tags=TAGS, background: int = 0) -> dict[str, Seen]:
    """What is seen of a set whose masks hold mask_ids(c) for each tag c (None: no pixel) on three quarters of
    background."""
    found = {}
    for number, of_image in enumerate(tags):
        mask = np.full((4, 4), background, dtype=np.uint8)
        for place, tag in enumerate(sorted(of_image)):
            if (label := mask_ids(tag)) is not None:
                mask[0, place] = label
        found[f"im{number}"] = seen(mask, of_image)
    return found


def problems_of(of_set: dict[str, Seen], classes=CLASSES) -> list[Problem]:
    return disagreements({"train": of_set}, classes)


def test_what_is_seen_of_a_mask():
    labels = np.array([[0, 2], [255, 255]], dtype=np.uint8)
    assert seen(labels, (2, 1)) == Seen(frozenset({1, 2}), frozenset({0, 2}), 0.5)


def test_masks_that_show_the_tags_are_fine():
    assert problems_of(images(lambda tag: tag)) == []
    assert problems_of({}) == []


@pytest.mark.parametrize(
    ("differing", "of", "questions", "wrong"),
    [(0, 0, 1, False), (1, 1, 1, False), (1, 2, 1, False), (2, 2, 1, True), (2, 2, 4, True), (2, 2, 6, False),
     (2, 3, 1, True), (2, 3, 2, False), (3, 3, 49, True), (3, 3, 51, False), (3, 6, 1, False), (4, 6, 21, True),
     (50, 100, 1, False), (51, 100, 1, True), (40_001, 80_000, 255, True)],
)  # fmt: skip
def test_they_contradict_each_other_when_they_differ_more_often_than_they_agree(differing, of, questions, wrong):
    """By chance, where one case in ten differs: 2 of 2 in 0.01, 2 of 3 in 0.028, 3 of 3 in 0.001 of all sets."""
    assert contradicts(differing, of, questions=questions) is wrong


# ---- ids that lie elsewhere


def test_swapped_ids_are_told_with_the_order_that_mends_them():
    (problem,) = problems_of(images({1: 2, 2: 1, 3: 3}.get))
    assert problem.severity == "warning"
    assert problem.message == (
        "in the true masks id 1 (cat) lies where the tags say dog, 2 (dog) lies where the tags say cat: are the ids"
        " swapped? If so, set dataset.classes to [dog, cat, emu], or save the masks by the ids of the classes"
        " (1 = cat, 2 = dog, 3 = emu)"
    )


def test_masks_made_under_another_order_of_the_classes():
    (problem,) = problems_of(images({1: 2, 2: 3, 3: 1}.get))
    assert "were they made under another order of the classes? If so, set dataset.classes to [emu, cat, dog]" in (
        problem.message
    )


@pytest.mark.parametrize("background", [0, 255])
def test_ids_that_start_at_0(background):
    problems = problems_of(images(lambda tag: tag - 1, background=background))
    assert "do the ids start at 0? That is the background; save the masks by the ids of the classes" in (
        problems[-1].message
    )
    assert "id 1 (cat) lies where the tags say dog, 2 (dog) lies where the tags say emu" in problems[-1].message
    assert [problem.kind for problem in problems[:-1]] == (["background ignored"] if background else [])


def test_ids_with_gaps_in_a_longer_list_are_told_without_an_order():
    classes = ("cat", "dog", "emu", "yak", "zebu")
    (problem,) = problems_of(images({1: 3, 2: 4, 3: 5}.get), classes)
    assert "id 3 (emu) lies where the tags say cat" in problem.message
    assert "were they made for another list of classes?" in problem.message


def test_two_of_many_classes_are_found_among_sound_ones():
    classes = tuple(f"c{label}" for label in range(1, 31))
    tags = [{label, label % 30 + 1} for label in range(1, 31) for _ in range(3)]
    swapped = {**{label: label for label in range(1, 31)}, 7: 20, 20: 7}
    (problem,) = problems_of(images(swapped.get, tags=tags), classes)
    assert "id 7 (c7) lies where the tags say c20, 20 (c20) lies where the tags say c7" in problem.message
    assert "set dataset.classes" not in problem.message, "a list of thirty is no sentence"


@pytest.mark.parametrize("tags", [({1}, {2}), ({1}, {1}, {2}, {2})])
def test_a_handful_of_images_is_enough_where_all_of_them_are_wrong(tags):
    (problem,) = problems_of(images({1: 2, 2: 1}.get, tags=tags), ("cat", "dog"))
    assert "are the ids swapped?" in problem.message


def test_masks_of_other_images_are_explained_by_no_order():
    right = images(lambda tag: tag)
    others = [*list(right.values())[5:], *list(right.values())[:5]]
    shuffled = {name: replace(right[name], values=other.values) for name, other in zip(right, others, strict=True)}
    assert {problem.kind for problem in problems_of(shuffled)} == {"masks against tags"}


# ---- objects that are not there


def test_a_class_that_its_images_lack():
    (problem,) = problems_of(images({1: 1, 2: 2}.get))
    assert (problem.kind, problem.file) == ("masks against tags", "emu")
    assert "4 of 4 images with the tag have no pixel of it (im10, im2, im6, im7)" in problem.message


def test_a_class_saved_as_255_is_told_its_id():
    (problem,) = problems_of(images({1: 1, 2: 2, 3: 255}.get))
    assert problem.message.endswith("255 means ignored: save the class as 3")


def test_a_class_drawn_where_it_is_no_tag():
    """As where only the main object of a photograph was tagged."""
    of_set = {
        name: replace(image, tags=frozenset({min(image.tags)}) if image.tags else image.tags)
        for name, image in images(lambda tag: tag, tags=[{1, 3}] * 5 + [{3}] * 2 + [{1}]).items()
    }
    (problem,) = problems_of(of_set)
    assert "about 'emu': 5 of 7 with such pixels lack the tag (im0, im1, im2, im3, im4)" in problem.message


@pytest.mark.parametrize(("object_id", "background", "held"), [
    (255, 0, "only 0 (background) and 255 (ignored)"), (0, 0, "only 0 (background)"), (255, 255, "only 255 (ignored)"),
    (0, 255, "only 0 (background) and 255 (ignored)"),
])  # fmt: skip
@pytest.mark.parametrize("classes", [("cat",), CLASSES])
def test_masks_without_any_object_are_an_error(object_id, background, held, classes):
    of_set = images(lambda tag: object_id, tags=[{1}, {1}, set()], background=background)
    (problem,) = problems_of(of_set, classes)
    assert (problem.kind, problem.severity) == ("masks without objects", "error")
    assert held in problem.message
    assert "1 = cat" in problem.message


def test_each_split_needs_objects():
    sound, empty = images(lambda tag: tag), images(lambda tag: 0)
    (problem,) = disagreements({"train": sound, "val": empty}, CLASSES)
    assert "no true mask of the val images holds a pixel of a class" in problem.message
    assert disagreements({"train": sound, "val": {}}, CLASSES) == []
    (problem,) = disagreements({"train": empty, "val": empty}, CLASSES)
    assert "no true mask of the train and val images" in problem.message


def test_a_background_of_255_is_told():
    (problem,) = problems_of(images(lambda tag: tag, background=255))
    assert problem.kind == "background ignored"
    assert "255 covers 93 % of the true masks, and 0 of 12 hold 0 (background)" in problem.message
    assert problem.message.endswith("if it stands for the background, save it as 0")


@pytest.mark.parametrize(("num_with_background", "is_told"), [(5, True), (6, False)])
def test_a_background_that_half_of_the_masks_hold_is_one(num_with_background, is_told):
    of_set = images(lambda tag: tag, background=255)
    for name in list(of_set)[:num_with_background]:
        of_set[name] = replace(of_set[name], values=of_set[name].values | {0})
    assert [problem.kind for problem in problems_of(of_set)] == ["background ignored"] * is_told


@pytest.mark.parametrize(("share", "is_told"), [(0.5, False), (0.51, True)])
def test_masks_of_which_half_is_ignored_are_left_in_peace(share, is_told):
    of_set = {name: replace(image, ignored=share) for name, image in images(lambda tag: tag, background=255).items()}
    assert [problem.kind for problem in problems_of(of_set)] == ["background ignored"] * is_told


# ---- honest sets


@pytest.mark.parametrize(("num_images", "num_sets"), [(12, 100), (60, 20), (400, 2)])
def test_honest_sets_that_differ_here_and_there_are_left_in_peace(num_images, num_sets):
    """Where one object in ten is tagged and not drawn, or drawn and not tagged: at most one set in twenty is named."""
    rng, named = np.random.default_rng(0), 0
    for _ in range(num_sets):
        either = rng.random((num_images, 5)) < 0.3
        lost, tagged_alone = rng.random(either.shape) < 0.1, rng.random(either.shape) < 0.5
        tags, drawn = either & ~(lost & ~tagged_alone), either & ~(lost & tagged_alone)
        of_set = {
            str(number): Seen(ids_of(tags[number]), frozenset({0}) | ids_of(drawn[number]), 0.05)
            for number in range(num_images)
        }
        named += bool(problems_of(of_set, ("a", "b", "c", "d", "e")))
    assert named <= 0.05 * num_sets


def ids_of(row: np.ndarray) -> frozenset[int]:
    return frozenset((np.flatnonzero(row) + 1).tolist())


def test_scribbles_and_full_scenes_are_left_in_peace():
    scribbles = [Seen(frozenset({1}), frozenset({0, 1}), 0.97)] * 5 + [Seen(frozenset({2}), frozenset({2}), 0.99)]
    scenes = [Seen(frozenset({1, 2, 3}), frozenset({1, 2, 3}), 0.1)] * 5
    for of_set in (scribbles, scenes):
        assert problems_of({str(number): image for number, image in enumerate(of_set)}) == []


# ---- over whole data sets


@pytest.fixture
def with_masks(folder_set, write):
    """What makes folder_set the twelve images of TAGS with masks of these ids."""

    def make(mask_ids: Callable[[int], int], classes: list[str] | None = None) -> Source:
        rows = []
        for number, tags in enumerate(TAGS):
            write.photo(folder_set.root / "photos" / f"{number}.png", grey=number)
            mask = np.zeros((4, 6))
            mask[1, : len(tags)] = [mask_ids(tag) for tag in sorted(tags)]
            write.labels(folder_set.root / "masks" / f"{number}.png", mask)
            names = ";".join(CLASSES[tag - 1] for tag in tags)
            rows.append(f"{number},{names},{'val' if number % 4 == 3 else 'train'}")
        write.text(folder_set.root / "labels.csv", "image,labels,split", *rows)
        return replace(folder_set, images="photos", classes=classes)

    return make


def test_check_is_silent_on_sound_masks_and_warns_of_swapped_ones(with_masks):
    assert check_dataset(with_masks(lambda tag: tag)).problems == ()
    report = check_dataset(with_masks({1: 2, 2: 1, 3: 3}.get), workers=2)
    assert report.ok
    assert "warning: mask ids moved (1)" in report.text()
    assert "9 images, 0 without tags, 9 with a mask, 6 of other classes than the tags" in report.text()


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("order", [("dog", "emu", "cat"), ("emu", "dog", "cat")])
def test_the_order_that_is_proposed_mends_the_set(with_masks, order, found):
    """Masks made under `order`, while the tags sort their names."""
    ids = {1 + CLASSES.index(name): place for place, name in enumerate(order, start=1)}
    report = check_dataset(with_masks(ids.get, classes=None if found else list(order)))
    assert (f"set dataset.classes to [{', '.join(order)}]" in report.text()) is found
    assert (report.problems == ()) is not found


def test_check_stops_at_masks_without_objects(with_masks):
    report = check_dataset(with_masks(lambda tag: 255))
    assert not report.ok
    assert "error: masks without objects (1)" in report.text()


def test_one_problem_of_a_mask_says_all(voc_set, write):
    """It is not held against the tags as well."""
    write.labels(voc_set.root / "SegmentationClass" / "é.png", np.full((4, 6), voc.IGNORE_INDEX - 1))
    kinds = {problem.kind for problem in check_dataset(voc_set).problems}
    assert kinds == {"mask value", "class without images"}
