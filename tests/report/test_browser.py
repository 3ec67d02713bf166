"""The image browser: what is written of an image, and what the page does with it in a browser."""

import base64
import json
import re
import zlib
from functools import partial

import chromium
import numpy as np
import pytest
from chromium import Browser

from wsss_core.artifacts import Scores
from wsss_core.report import browser, entries
from wsss_core.report.strips import Column
from wsss_core.voc import IGNORE_INDEX

SIZE = (4, 8)
HALF = np.array([[0, 0, 0, 0, 1, 1, 1, 1]] * 4, dtype=np.uint8)
"""Label 1 at the right, as the true mask of every image has it."""


def first(index, name: str) -> np.ndarray:
    """Wrong in as many columns as the id's last digit, ignored in the last one of those with an even digit."""
    labels, digit = HALF.copy(), int(name[-1]) % 4
    labels[:, :digit] = 2
    if digit % 2 == 0:
        labels[:, -1] = IGNORE_INDEX
    return labels


def second(index, name: str) -> np.ndarray:
    return HALF


def heat(index, name: str) -> Scores:
    scores = np.zeros((1, 2, 4), dtype=np.float16)  # cells of 2 x 2 pixels
    scores[:, :, 2:] = (0.4, 0.8)
    return Scores(np.array([1]), scores, SIZE)


def grey(index, name: str) -> np.ndarray:
    return np.full(SIZE, 0.5, dtype=np.float32)


COLUMNS = (Column("CAM", "heat", heat, "cam"), Column("First", "labels", first), Column("Second", "labels", second))


@pytest.fixture
def written(index_of, masks, tmp_path):
    """Write the browser of images a0, a1, ... of classes that a test names, each with a mask."""

    def write(count=8, *, classes=("cat", "dog"), ids=None, limit=1000, columns=COLUMNS):
        names = ids or [f"a{place}" for place in range(count)]
        index = index_of(train={name: (1,) if place % 2 else (1, 2) for place, name in enumerate(names)}, size=SIZE,
                         classes=classes)  # fmt: skip
        masks.arrays.update(dict.fromkeys(names, HALF))
        folder = tmp_path / "pages"
        make = partial(browser.write, index=index, truth=masks, workers=0, first_page="../report.html")
        make(folder, columns={"train": columns, "val": ()}, limit=limit)
        return folder

    return write


@pytest.mark.parametrize(("pixels", "workers"), [(4 * 8 * 3 + 1, 1), (4 * 8 * 3, 4)])
def test_processes_start_only_for_more_pixels_than_their_start_takes(
    index_of, masks, tmp_path, monkeypatch, pixels, workers
):
    used = []
    monkeypatch.setattr(browser, "_FEW_PIXELS", pixels)
    monkeypatch.setattr(browser, "map_in_order", lambda make, ids, *, workers, chunk: used.append(workers) or [])
    index = index_of(train=dict.fromkeys("abc", (1,)), size=SIZE)
    with pytest.raises(ValueError, match="shorter"):  # nothing was made
        browser.write(tmp_path, index, masks, {"train": COLUMNS, "val": ()}, limit=9, workers=4, first_page="")
    assert used == [workers]


def catalogue(folder) -> dict:
    return json.loads(re.fullmatch(r"wsss\.open\((.*)\);\n", (folder / "browse/index.js").read_text())[1])


def test_figures_of_an_image_are_those_of_its_label_maps(index_of, masks):
    index = index_of(train={"a2": (1,)}, size=SIZE)
    masks.arrays["a2"] = HALF
    entry = entries.make("a2", index=index, truth=masks, columns=dict(enumerate(COLUMNS)), mask_stage=3)
    # background 8 of 20, cat 12 of 16 (its ignored column is background), dog 0 of 8
    assert entry.figures == {1: (round((8 / 20 + 12 / 16 + 0) / 3, 4), 1 / 8), 2: (1.0, 0.0)}
    assert entry.labels == {1: [1, 2], 2: [1], 3: [1]}
    assert entry.differ == {"1,2": 8 / 32}  # of the ignored column nothing is known


def test_an_images_script_holds_its_maps_one_behind_the_other(written):
    text = (written(1) / "browse/0.js").read_text(encoding="ascii")
    head, packed = re.fullmatch(r'wsss\.image\(0, (\{.*\}), "(.*)"\);\n', text).groups()
    maps, values = json.loads(head)["maps"], zlib.decompress(base64.b64decode(packed))
    assert [(each["stage"], each["kind"], each["shape"]) for each in maps] == [
        (0, "heat", [1, 2, 4]), (1, "labels", [4, 8]), (2, "labels", [4, 8]), (3, "mask", [4, 8]),
    ]  # fmt: skip
    assert (maps[0]["classes"], maps[0]["stride"]) == ([1], 2)
    assert values[:4] == bytes([0, 0, 102, 204])
    assert values[-32:] == HALF.tobytes()


def test_large_maps_are_shrunk_and_small_ones_kept():
    assert [entries._shrunk(size, entries.BOX) for size in [(4, 8), (3000, 4000), (600, 20)]] == [
        (4, 8), (300, 400), (300, 10),
    ]  # fmt: skip
    large = Scores(np.array([1]), np.ones((1, 300, 500), dtype=np.float16), (300, 500))
    head, values = entries._heat(large, (240, 400))
    assert (head["stride"], values.shape) == (8, (1, 38, 63))


def test_the_same_images_give_the_same_files(written, tmp_path):
    def content(folder):
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    folder = written(3)
    before = content(folder)
    (tmp_path / "photographs").rename(tmp_path / "others")
    assert content(written(3)) == before


def test_names_of_the_user_are_text_and_never_code(written):
    folder = written(ids=['"</script><b>', "ü\u2028é"], classes=("</script><i>", "dog"), columns=COLUMNS[2:])
    text = (folder / "browse/index.js").read_text(encoding="ascii")
    assert "\n" not in text[:-1]
    assert catalogue(folder)["classes"][1] == "</script><i>"
    assert "<b>" not in (folder / browser.PAGE).read_text(encoding="utf-8")


def test_no_more_images_than_the_limit_are_written_and_the_page_knows_of_all(written):
    folder = written(8, limit=3)
    assert len(list((folder / "browse").glob("*.jpg"))) == 3
    content = catalogue(folder)
    assert (content["total"], [image["id"] for image in content["images"]]) == (8, ["a1", "a4", "a6"])


SHOWN = "[...document.querySelectorAll('.tile .name')].map(name => name.textContent).join(' ')"


def choose(page: Browser, **fields) -> None:
    for name, value in fields.items():
        page.value(f"filters.elements.{name}.value = {json.dumps(str(value))}")
    page.value("filters.dispatchEvent(new Event('input'))")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A browser, whose pages ask for nothing but files and raise no error."""
    with Browser(tmp_path_factory.mktemp("browser")) as page:
        yield page
        assert page.errors == []
        assert {url.partition(":")[0] for url in page.requests} <= {"file", "about"}


@pytest.fixture
def opened(written, page):
    """The page of eight images in it."""
    page.open(written(8) / browser.PAGE)
    page.wait_for("document.querySelectorAll('.tile').length > 0")
    return page


@chromium.needed
def test_images_are_filtered_and_sorted(opened):
    choose(opened, stage=1)
    assert opened.value(SHOWN) == "a0 a1 a2 a3 a4 a5 a6 a7"
    choose(opened, order="worst")
    assert opened.value(SHOWN) == "a2 a6 a3 a7 a1 a5 a0 a4"
    choose(opened, order="ignored")
    assert opened.value(SHOWN).startswith("a0 a2 a4 a6")
    choose(opened, order="differ", other=2)
    assert opened.value(SHOWN).startswith("a3 a7 a2 a6 a1 a5")
    choose(opened, order="id", how="label", tag=2)
    assert opened.value(SHOWN) == "a1 a2 a3 a5 a6 a7"
    choose(opened, how="missed")
    assert opened.value(SHOWN) == "a0 a4"
    choose(opened, how="tag", name="A6")
    assert opened.value(SHOWN) == "a6"
    assert opened.value("find('count').textContent") == "1 of 8 images"


@chromium.needed
def test_keys_open_an_image_flip_its_stages_and_go_on(opened):
    opened.value("document.querySelector('.tile').focus()")
    opened.press("ArrowRight")
    opened.wait_for("document.activeElement.dataset.number === '1'")
    opened.value("document.activeElement.click()")
    opened.wait_for("viewer.open && open.maps.size === 4")
    assert opened.value("find('title').textContent") == "a1"
    for key, title in {"1": "CAM", "4": "True mask", "0": "Photograph"}.items():
        opened.press(key)
        opened.wait_for(f"large.querySelector('canvas').getAttribute('aria-label') === '{title} of a1'")
    opened.press("ArrowRight")
    opened.wait_for("find('title').textContent === 'a2'")
    assert opened.value("location.hash") == "#a2"
    opened.value("viewer.close()")
    opened.wait_for("document.activeElement.dataset.number === '2'")
    opened.press("f")
    opened.wait_for("document.activeElement.name === 'stage'")
    opened.value("document.activeElement.blur()")
    opened.press("?")
    opened.wait_for("find('help').open")


@chromium.needed
def test_the_class_under_the_pointer_is_named(opened):
    opened.value("openImage(3, 1)")
    opened.wait_for("open.maps.size === 4")
    box = opened.value("(({left, top, width, height}) => [left, top, width, height])(large.getBoundingClientRect())")
    for share, name in {0.05: "dog", 0.45: "background", 0.8: "cat"}.items():
        opened.point_at(box[0] + share * box[2], box[1] + box[3] / 2)
        opened.wait_for(f"find('under').textContent === {json.dumps(name)}")
        assert opened.value("find('under').textContent") == name


@chromium.needed
def test_the_slider_thresholds_the_heat_as_stages_do(opened):
    opened.value("openImage(3, 0)")
    opened.wait_for("open.maps.size === 4 && !find('slider').hidden")
    # Rows of cells 0, 0, .4, .8, their centres at columns .5, 2.5, 4.5, 6.5: pixels 0 0 0 .1 .3 .5 .7 .8
    pixels = "[...labelsOf(open.maps.get(0), {}).slice(0, 8)].join('')"
    assert opened.value(pixels.format(0.05)) == "00011111"
    assert opened.value(pixels.format(0.35)) == "00000111"
    assert opened.value(pixels.format(0.75)) == "00000001"
    opened.value("setThreshold(0.25)")
    assert opened.value("find('live').textContent") == "mIoU 100.0 at this size"


@chromium.needed
def test_a_name_opens_its_image_and_stays_text(written, page):
    name = "<img src=x onerror=alert(1)>"
    folder = written(ids=["a0", name], columns=COLUMNS[2:], classes=("<b>cat</b>", "dog"))
    page.open(folder / browser.PAGE, "#%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    page.wait_for("viewer.open")
    assert page.value("find('title').textContent") == name
    assert page.value("document.querySelectorAll('#legend b, .name img').length") == 0
    assert page.value("find('legend').textContent") == "<b>cat</b>dog"


@chromium.needed
def test_a_thousand_images_open_within_two_seconds(written, page):
    page.open(written(ids=[f"image_{place:04}" for place in range(1000)]) / browser.PAGE)
    page.send("Performance.enable", timeDomain="threadTicks")  # of the processor, which may have other work besides
    page.wait_for("document.querySelector('.tile canvas').width === 8", seconds=100)
    spent = {figure["name"]: figure["value"] for figure in page.send("Performance.getMetrics")["metrics"]}
    pictures = page.value("performance.getEntriesByType('resource').filter(one => one.name.endsWith('.jpg')).length")
    page.wait_for("document.querySelectorAll('.tile').length === 1000", seconds=100)
    assert spent["ThreadTime"] < 2
    assert pictures < 500, "pictures load when they are seen"
