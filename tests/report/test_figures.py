import re
from math import nan
from xml.etree import ElementTree

import numpy as np
import pytest

from wsss_core.report import figures
from wsss_core.report.strips import Tile

HISTORY = {
    "step": [1.0, 2.0, 3.0],
    "lr": [0.1, 0.05, 0.0],
    "tags": [3.0, 2.0, 1.0],
    "pixels": [nan, nan, 4.0],
}
SNAPSHOTS = {"step": [1.0, 9.0], "miou_labelled": [0.25, 0.5], "right": [0.5, 0.75], "coverage": [0.1, 0.2]}


@pytest.fixture
def drawn(monkeypatch) -> list:
    """The figures that were drawn, as matplotlib has them."""
    made = []
    monkeypatch.setattr(figures, "_svg", lambda figure, svg=figures._svg: made.append(figure) or svg(figure))
    return made


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_training_curve_names_every_loss_term_and_the_learning_rate():
    assert {"tags", "pixels", "lr", "step"} <= set(texts(figures.history_curve(HISTORY)))


def test_names_are_text_and_never_markup_or_formulas():
    shown = texts(figures.history_curve({"step": [1.0], "lr": [0.1], "$x_1$ <b>&": [2.0]}))
    assert "$x_1$ <b>&" in shown


def test_one_row_of_history_is_visible_as_a_point():
    one = figures.history_curve({"step": [1.0], "lr": [0.1], "tags": [2.0]})
    assert "<use" in one  # a marker: a line of one point would be nothing


def test_the_best_threshold_is_marked_as_the_oracles():
    svg = figures.threshold_curve([0.0, 0.25, 0.5], [0.1, 0.425, 0.2], oracle=0.25)
    assert "oracle: 0.25, mIoU 42.5 %" in texts(svg)


SELF_LABELLED = {**HISTORY, "tags_raw": [30.0, 20.0, 10.0], "reliable_share": [nan, 0.25, 0.5]}


def test_raw_terms_are_left_out_of_a_training_curve():
    assert "tags_raw" not in texts(figures.history_curve(SELF_LABELLED))
    with_raw = {**HISTORY, "tags_raw": [30.0, 20.0, 10.0]}
    assert figures.history_curve(with_raw) == figures.history_curve(HISTORY)


def test_shares_have_axes_of_their_own_and_lose_their_suffix(drawn):
    figures.history_curve(SELF_LABELLED)
    losses, shares, rate = drawn[0].axes
    assert [line.get_label() for line in losses.lines] == ["tags", "pixels"]
    assert [line.get_label() for line in shares.lines] == ["reliable"]
    np.testing.assert_equal(shares.lines[0].get_ydata(), [nan, 0.25, 0.5])
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["loss", "share", "lr"]
    assert len(rate.lines) == 1


def test_without_shares_a_training_curve_has_two_axes(drawn):
    figures.history_curve(HISTORY)
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["loss", "lr"]


def test_the_curve_of_snapshots_names_what_it_shows_and_stays_within_0_and_1(drawn):
    svg = figures.snapshot_curve(SNAPSHOTS)
    assert {"mIoU of the labelled pixels", "right, of these", "labelled", "step"} <= set(texts(svg))
    (axes,) = drawn[0].axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [SNAPSHOTS[name] for name in list(SNAPSHOTS)[1:]]
    assert axes.get_ylim() == (0, 1.02)


def test_a_single_moment_is_visible_as_a_point():
    one = figures.snapshot_curve({name: values[:1] for name, values in SNAPSHOTS.items()})
    assert one.count("<use") >= 3


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.history_curve(HISTORY),
        lambda: figures.history_curve(SELF_LABELLED),
        lambda: figures.snapshot_curve(SNAPSHOTS),
        lambda: figures.threshold_curve([0.0, 0.5], [0.1, 0.2], oracle=0.5),
    ],
)
def test_the_same_figures_give_the_same_bytes_which_name_no_date(draw):
    first = draw()
    assert first == draw()
    assert not re.search(r"20\d\d-\d\d", first)


def test_figures_share_a_page_without_sharing_ids():
    """But for ids that name content by its digest, equal ids stand for equal things."""
    other = {"step": [1.0, 2.0], "lr": [0.1, 0.0], "tags": [5.0, 1.0]}
    ids = [set(re.findall(r' id="([^"]+)"', figures.history_curve(columns))) for columns in (HISTORY, other)]
    assert all(re.fullmatch(r"[a-z][0-9a-f]{10}", name) for name in ids[0] | ids[1])


def test_every_reference_of_a_figure_has_its_target():
    svg = figures.history_curve(HISTORY)
    targets = set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg))
    assert targets
    assert targets <= set(re.findall(r' id="([^"]+)"', svg))


def test_text_follows_the_colour_of_the_page():
    svg = figures.history_curve(HISTORY)
    assert "currentColor" in svg
    assert "#123456" not in svg


def tiles(count: int, *, shape=(20, 32)) -> list[Tile]:
    pictures = [np.full((*shape, 3), 20 * place, dtype=np.uint8) for place in range(count)]
    return [Tile(f"stage {place}", picture) for place, picture in enumerate(pictures)]


def test_a_sheet_holds_every_tile_in_rows_of_four():
    sheet = np.asarray(figures.contact_sheet(tiles(6, shape=(200, 250)), [("cat", 7)]))
    colours = {tuple(colour) for colour in sheet.reshape(-1, 3).tolist()}
    assert {(20 * place,) * 3 for place in range(6)} <= colours
    assert {(204, 121, 167)} <= colours  # the swatch of class 7
    assert sheet.shape[1] // 4 >= 375 > sheet.shape[1] // 5


def test_a_legend_that_is_too_long_for_a_line_takes_more():
    few = figures.contact_sheet(tiles(4), [("cat", 7)])
    many = figures.contact_sheet(tiles(4), [("a long name of a class", label) for label in range(8, 0, -1)])
    assert many.width == few.width
    assert many.height > few.height
    assert (np.asarray(many) == (230, 159, 0)).all(axis=-1).any()  # label 1, the last


@pytest.mark.parametrize("shape", [(2, 320), (200, 1), (200, 200)])
def test_a_sheet_of_an_extreme_image_is_made(shape):
    sheet = figures.contact_sheet(tiles(8, shape=shape), [])
    assert sheet.width >= 4 * 260
