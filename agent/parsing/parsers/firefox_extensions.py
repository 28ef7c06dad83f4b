# SPDX-License-Identifier: Apache-2.0
"""The `extensions.json` of a Firefox profile: the extensions that were added to the browser."""

from typing import Any, BinaryIO

from agent.errors import ParseError
from agent.parsing.parsers.json_object import load_object, to_text

MAX_BYTES = 8 * 1024 * 1024
MAX_EXTENSIONS = 1000
MAX_LENGTH = 128
_COMES_WITH_THE_BROWSER = ("app-builtin", "app-builtin-addons", "app-system-defaults", "app-system-addons")


def parse(stream: BinaryIO) -> dict[str, Any]:
    """Return `extensions`, each with `id`, `name` and `version`. Themes, dictionaries and languages are none.

    Raises:
        ParseError: it is no such list, too large, or it has too many entries.
    """
    addons = load_object(stream, MAX_BYTES).get("addons")
    if not isinstance(addons, list):
        raise ParseError("a list without entries")
    if len(addons) > MAX_EXTENSIONS:
        raise ParseError("a list with too many entries")
    found = []
    for addon in addons:
        if not isinstance(addon, dict) or addon.get("type") != "extension":
            continue
        identifier = to_text(addon.get("id"), MAX_LENGTH)
        if not identifier or addon.get("location") in _COMES_WITH_THE_BROWSER:
            continue
        locale = addon.get("defaultLocale")
        name = locale.get("name") if isinstance(locale, dict) else ""
        found.append(
            {"id": identifier, "name": to_text(name, MAX_LENGTH), "version": to_text(addon.get("version"), MAX_LENGTH)}
        )
    return {"extensions": found}
