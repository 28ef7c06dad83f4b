# SPDX-License-Identifier: Apache-2.0
"""Turns templates into pages. Nothing reaches a page but escaped and with every character visible: see `text`."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from collector.console import flag_wording, wording
from collector.console.clock import mark_time, show_day, show_span
from collector.console.text import show
from collector.summaries import show_bytes, show_memory

TEMPLATES = Path(__file__).parent / "templates"


class Rendering:
    """The templates, with what every page needs."""

    def __init__(self, school_name: str, addresses: Mapping[str, str]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            time=mark_time,
            day=show_day,
            span=show_span,
            lines=_split,
            typed=_keep,
            lower_first=_lower_first,
            size=show_bytes,
            memory=show_memory,
        )
        self._environment.globals.update(
            school_name=school_name,
            collector_version=find_version(),
            files=addresses,
            wording=wording,
            flag_wording=flag_wording,
        )

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        """Return a page."""
        return self._environment.get_template(template).render(context)


def find_version() -> str:
    """Return the version of this collector."""
    try:
        return version("schoolwarden")
    except PackageNotFoundError:
        return "that is not installed"


def _finalize(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return show(value)
    return value


def _split(text: str) -> list[str]:
    return text.splitlines()


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keep(text: str) -> Markup:
    """Give a person's own text back to him in a form field, as he typed it."""
    return escape(text)
