"""Curves as SVG for the report's page, and one strip as a picture for the README."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image, ImageDraw, ImageFont

from wsss_core.report import palette
from wsss_core.report.strips import Tile

_INK = "#123456"  # stands for the page's text colour, so that curves follow its light and dark theme
_COLOURS = ("#2f81f7", "#e0731d", "#2da44e", "#c4479a", "#8957e5", "#b58900", "#00a3a3", "#d1242f")
_STYLE: Any = {  # matplotlib's type lists every legal key, and not all versions have one
    "svg.hashsalt": "wsss",  # else element ids differ from run to run
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.prop_cycle": cycler(color=_COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.15,
    "grid.color": _INK,
    "legend.frameon": False,
    "savefig.transparent": True,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
}
_FEW_POINTS = 25

SNAPSHOT_SCORES = {"miou_labelled": "mIoU of the labelled pixels", "right": "right, of these", "coverage": "labelled"}
"""The columns of `snapshot_curve`, and what it calls them."""

_TILE_COLUMNS = 4
_FONT_SIZE = 26  # pixels, as all of these
_GAP, _CAPTION, _LEGEND, _SWATCH = 18, 40, 46, 34
_TEXT = "#1f2328"
_SCALE = 1.5  # of a strip's pictures, in the picture for the README


def history_curve(columns: Mapping[str, Sequence[float]]) -> str:
    """An SVG element: every loss term over the steps of a training, then shares of pixels, then the learning rate.

    Args:
        columns: "step", "lr" and one for each scalar, all of one length; NaN where a scalar has no value. Names that
            end in `_share` are shares, those in `_raw` terms without their weights, which are left out.
    """
    shares = [name for name in columns if name.endswith("_share")]
    others = ("step", "lr", *shares)
    losses = [name for name in columns if name not in others and not name.endswith("_raw")]
    ratios = (3, 1, 1) if shares else (3, 1)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.4 + 0.9 * bool(shares)), layout="constrained")
        axes = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        marker = "o" if len(columns["step"]) <= _FEW_POINTS else None
        style = {"marker": marker, "markersize": 3, "linewidth": 1.6}
        for place, names in ((0, losses), (1, shares)):
            for name in names:
                axes[place].plot(columns["step"], columns[name], label=name.removesuffix("_share"), **style)
            if names:
                axes[place].legend(fontsize=9)
        axes[0].set_ylabel("loss")
        if shares:
            axes[1].set_ylabel("share")
        if "lr" in columns:
            axes[-1].plot(columns["step"], columns["lr"], color=_INK, alpha=0.6, **style)
        axes[-1].set_ylabel("lr")
        axes[-1].set_xlabel("step")
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        return _svg(figure)


def threshold_curve(thresholds: Sequence[float], miou: Sequence[float], *, oracle: float) -> str:
    """An SVG element: the CAM's mIoU (in [0, 1]) at each background threshold, one at least, the best one marked."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(thresholds, miou, linewidth=1.8)
        best = miou[int(np.argmin(np.abs(np.asarray(thresholds) - oracle)))]
        axes.axvline(oracle, color=_COLOURS[1], linewidth=1, linestyle="--")
        axes.plot([oracle], [best], "o", color=_COLOURS[1])
        # The text stands on the side with more room.
        side, offset = ("left", 8) if oracle < (min(thresholds) + max(thresholds)) / 2 else ("right", -8)
        axes.annotate(
            f"oracle: {oracle:.2f}, mIoU {100 * best:.1f} %", (oracle, best), color=_COLOURS[1],
            textcoords="offset points", xytext=(offset, 6), ha=side,
        )  # fmt: skip
        axes.margins(y=0.15)
        axes.set_xlabel("background threshold")
        axes.set_ylabel("mIoU")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        return _svg(figure)


def calibration_curve(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """An SVG element: how many of the labels were right over how sure their scores were; the diagonal is the promise.

    Args:
        curves: title -> columns "confidence" and "precision", each in [0, 1].
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=_INK, alpha=0.4, linewidth=1, linestyle="--")
        for title, columns in curves.items():
            axes.plot(columns["confidence"], columns["precision"], label=title, marker="o", markersize=4, linewidth=1.6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("confidence")
        axes.set_ylabel("right labels")
        axes.legend(fontsize=9)
        return _svg(figure)


def snapshot_curve(columns: Mapping[str, Sequence[float]]) -> str:
    """An SVG element: how right and how many the labels were that a network made for itself, over its training.

    Args:
        columns: "step" and those of SNAPSHOT_SCORES, each in [0, 1] but the steps.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.subplots()
        for name, label in SNAPSHOT_SCORES.items():
            axes.plot(columns["step"], columns[name], label=label, marker="o", markersize=4, linewidth=1.6)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("step")
        axes.legend(fontsize=9)
        return _svg(figure)


def contact_sheet(tiles: Sequence[Tile], legend: Sequence[tuple[str, int]]) -> Image.Image:
    """One strip as a picture: its tiles in rows of four with their titles, and the classes' colours below.

    Args:
        tiles: of one image, so all of one size.
        legend: (name, label) of each class to explain.
    """
    height, width = (round(_SCALE * side) for side in tiles[0].picture.shape[:2])
    cell = max(width, 260), height + _CAPTION  # pixels; narrow pictures leave room for their titles
    columns = min(_TILE_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    total, below = columns * (cell[0] + _GAP) + _GAP, rows * (cell[1] + _GAP) + _GAP
    font = ImageFont.truetype(findfont(FontProperties(family="DejaVu Sans")), _FONT_SIZE)
    places = _legend_places([name for name, _ in legend], font, width=total)
    lines = max((line for _, line in places), default=-1) + 1
    sheet = Image.new("RGB", (total, below + lines * _LEGEND), "white")
    draw = ImageDraw.Draw(sheet)
    for place, tile in enumerate(tiles):
        left = _GAP + place % columns * (cell[0] + _GAP)
        top = _GAP + place // columns * (cell[1] + _GAP)
        draw.text((left, top), tile.title, fill=_TEXT, font=font)
        picture = Image.fromarray(tile.picture).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, top + _CAPTION))
    for (name, label), (left, line) in zip(legend, places, strict=True):
        top = below + line * _LEGEND
        swatch = palette.painted(np.full((24, 24), label)).astype(np.uint8)
        sheet.paste(Image.fromarray(swatch), (left, top + 4))
        draw.text((left + _SWATCH, top), name, fill=_TEXT, font=font)
    return sheet


def _legend_places(
    names: Sequence[str], font: ImageFont.FreeTypeFont, *, width: int
) -> list[tuple[int, int]]:
    """(left edge, line) of each name and its swatch, in as many lines of `width` as they need."""
    places, left, line = [], _GAP, 0
    for name in names:
        length = _SWATCH + round(font.getlength(name)) + _GAP
        if left + length > width and left > _GAP:
            left, line = _GAP, line + 1
        places.append((left, line))
        left += length + _GAP
    return places


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    svg = text[text.index("<svg") :].replace(_INK, "currentColor")
    # Several figures share a page, where an id may stand once; keep those that the figure itself refers to,
    # which are digests of what they name.
    used = set(re.findall(r"#([\w-]+)", svg))
    return re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
