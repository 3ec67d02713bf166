"""Pages as HTML, from the templates beside this module."""

from __future__ import annotations

from pathlib import Path

import jinja2

from wsss_core.report import overlays, palette


def template(name: str) -> jinja2.Template:
    """A template of the folder, which knows pictures and colours of labels; a name that it lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # image ids and class names are the user's
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = overlays.data_uri
    environment.filters["colour"] = palette.css
    environment.filters["percent"] = _percent
    return environment.get_template(name)


def _percent(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{100 * value:.1f}"
