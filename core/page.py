"""Pages that stand by themselves: their template, and everything in it escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Final

import jinja2

_TEMPLATE: Final = "page.html.jinja"


def render_page(
    package: str | None, filters: Mapping[str, Callable[..., str]], **values: object
) -> str:
    """Return the page that a package's `page.html.jinja` makes of `values`."""
    assert package is not None
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= filters
    source = files(package).joinpath(_TEMPLATE).read_text("utf-8")
    return environment.from_string(source).render(values)
