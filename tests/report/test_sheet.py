"""The sheet of random images: which are on it, and that the page needs nothing but itself."""

import re

import numpy as np
import pytest

from wsss_core import artifacts
from wsss_core.report import sheet


def test_the_same_seed_draws_the_same_images_and_another_one_others():
    ids = [f"{number:03}" for number in range(200)]
    drawn = sheet.drawn_ids(ids, count=40, seed=0)
    assert len(set(drawn)) == 40 and drawn == sorted(drawn)
    assert drawn == sheet.drawn_ids(ids[::-1], count=40, seed=0)[::-1]
    assert drawn != sheet.drawn_ids(ids, count=40, seed=1)
    assert sheet.drawn_ids(ids[:3], count=40, seed=0) == ids[:3]


def test_every_image_is_drawn_about_as_often():
    ids = [f"{number}" for number in range(10)]
    times = np.array([sum(name in sheet.drawn_ids(ids, count=5, seed=seed) for seed in range(400)) for name in ids])
    assert abs(times - 200).max() < 40  # four standard deviations


@pytest.fixture
def page(index_of, tmp_path):
    """page(labels): of an image `<b>"a` tagged as cat and one without tags."""
    index = index_of(train={'<b>"a': (1,), "b": ()}, classes=("cat & co", "dog"))

    def render(label: int) -> str:
        for image_id in index.ids("train"):
            artifacts.write_labels(tmp_path / "labels", image_id, np.full((4, 8), label, np.uint8))
        return sheet.render(index, tmp_path / "labels", index.ids("train"), seed=3)

    return render


def test_the_page_shows_each_image_with_a_form_and_loads_nothing(page):
    text = page(1)
    assert text.count("<article") == 2 and text.count('type="radio"') == 6
    assert "drawn at random (seed 3)" in text and "cat &amp; co" in text and "no tag" in text
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(addresses) == 4 and all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert "<b>" not in text.replace('<b id="done">', "").replace("<b data-count", "")


def test_verdicts_belong_to_the_labels_that_they_judge(page):
    key = re.compile(r'data-key="(wsss-sheet-\w+)"')
    first, again, other = (key.search(page(label))[1] for label in (1, 1, 2))
    assert first == again != other
