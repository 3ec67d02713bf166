"""Curves as SVG for the report's page, and one strip as a picture for the README."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ticker import PercentFormatter
from PIL import Image, ImageDraw, ImageFont

from wsss_core.report import overlays
from wsss_core.report.strips import Tile

_INK = "#123456"  # stands for the page's text colour, so that curves follow its light and dark theme
_COLOURS = ("#2f81f7", "#e0731d", "#2da44e", "#c4479a", "#8957e5", "#b58900", "#00a3a3", "#d1242f")
_STYLE = {
    "svg.hashsalt": "wsss",  # else element ids differ from run to run
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.prop_cycle": matplotlib.cycler(color=_COLOURS),
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

_TILE_COLUMNS = 4
_GAP, _CAPTION, _LEGEND = 14, 34, 44  # pixels
_SCALE = 1.5  # of a strip's pictures, in the picture for the README


def history_curve(columns: Mapping[str, Sequence[float]]) -> str:
    """An SVG element: every loss term over the steps of a training, the learning rate below.

    Args:
        columns: "step", "lr" and one for each term, all of one length; NaN where a term has no value.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        marker = "o" if len(columns["step"]) <= _FEW_POINTS else None
        style = {"marker": marker, "markersize": 3, "linewidth": 1.6}
        for name, values in columns.items():
            if name not in ("step", "lr"):
                losses.plot(columns["step"], values, label=name, **style)
        losses.set_ylabel("loss")
        if losses.lines:
            losses.legend(fontsize=9)
        if "lr" in columns:
            rates.plot(columns["step"], columns["lr"], color=_INK, alpha=0.6, **style)
        rates.set_ylabel("lr")
        rates.set_xlabel("step")
        return _svg(figure)


def threshold_curve(thresholds: Sequence[float], miou: Sequence[float], *, oracle: float) -> str:
    """An SVG element: the CAM's mIoU (in [0, 1]) at each background threshold, the best one marked."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(thresholds, miou, linewidth=1.8)
        best = miou[int(np.argmin(np.abs(np.asarray(thresholds) - oracle)))]
        axes.axvline(oracle, color=_COLOURS[1], linewidth=1, linestyle="--")
        axes.plot([oracle], [best], "o", color=_COLOURS[1])
        beyond_half = oracle > (min(thresholds) + max(thresholds)) / 2
        axes.annotate(
            f"oracle: {oracle:.2f}, mIoU {100 * best:.1f} %", (oracle, best), color=_COLOURS[1],
            textcoords="offset points", xytext=(-8 if beyond_half else 8, 6), ha="right" if beyond_half else "left",
        )  # fmt: skip
        axes.margins(y=0.15)
        axes.set_xlabel("background threshold")
        axes.set_ylabel("mIoU")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        return _svg(figure)


def contact_sheet(tiles: Sequence[Tile], legend: Sequence[tuple[str, int]]) -> Image.Image:
    """One strip as a picture: its tiles in rows of four with their titles, and the classes' colours below.

    Args:
        tiles: of one image, so all of one size.
        legend: (name, label) of each class to explain.
    """
    height, width = (round(_SCALE * side) for side in tiles[0].picture.shape[:2])
    cell = max(width, 220), height + _CAPTION  # pixels; narrow pictures leave room for their titles
    columns = min(_TILE_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    size = columns * (cell[0] + _GAP) + _GAP, rows * (cell[1] + _GAP) + _GAP + _LEGEND
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(findfont(FontProperties(["DejaVu Sans"])), 20)
    for place, tile in enumerate(tiles):
        left, top = _GAP + place % columns * (cell[0] + _GAP), _GAP + place // columns * (cell[1] + _GAP)
        draw.text((left, top), tile.title, fill="#1f2328", font=font)
        picture = Image.fromarray(tile.picture).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, top + _CAPTION))
    left, top = _GAP, size[1] - _LEGEND
    for name, label in legend:
        draw.rectangle((left, top + 2, left + 20, top + 22), fill=overlays.colour(label))
        draw.text((left + 28, top), name, fill="#1f2328", font=font)
        left += 28 + round(draw.textlength(name, font=font)) + 2 * _GAP
    return sheet


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue()
    svg = text[text.index("<svg") :].replace(_INK, "currentColor")
    # Several figures share a page, where an id may stand once; keep those that the figure itself refers to,
    # which are digests of what they name.
    used = set(re.findall(r"#([\w-]+)", svg))
    return re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
