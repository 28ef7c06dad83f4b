# SPDX-License-Identifier: Apache-2.0
"""Which fields the events of a kind have, as a rule names them: `state`, `program.name`, `facts.minutes`.

It reads them off the dataclasses of `proto.events`, so a new kind needs no change here.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, get_origin, get_type_hints

from proto.events import KINDS, Kind

SOURCES = frozenset({"dpkg", "rpm", "flatpak", "snap", "appimage", "pip", "npm", "extension", "file", "process"})
"""Every value of `program.source`."""

_RUNNABLE = frozenset({"appimage", "file", "process"})
COMPARED_WITH: Mapping[str, frozenset[str]] = {
    "executables": _RUNNABLE,
    "packages": frozenset({"dpkg", "rpm"}),
    "flatpaks": frozenset({"flatpak"}),
    "snaps": frozenset({"snap"}),
    "python_packages": frozenset({"pip"}),
    "node_packages": frozenset({"npm"}),
    "extensions": frozenset({"extension"}),
    "paths": _RUNNABLE,
    "sha256": SOURCES,
    "build_ids": SOURCES,
    "sketches": SOURCES,
}
"""For each list of a `ProgramPattern`, the sources of the programs it is compared with."""


@cache
def find_types(kind: str) -> Mapping[str, type]:
    """Return the type of each field of a kind, or nothing for an unknown kind.

    A field with free keys is a `dict` here, a list is a `tuple`.
    """
    if kind not in KINDS:
        return {}
    cls: Any = KINDS[kind]  # a dataclass, which `type[Kind]` cannot say
    types: dict[str, type] = {}
    hints = get_type_hints(cls)
    for each in fields(cls):
        hint = hints[each.name]
        if is_dataclass(hint):
            parts = get_type_hints(hint)
            types |= {f"{each.name}.{part.name}": parts[part.name] for part in fields(hint)}
        else:
            types[each.name] = get_origin(hint) or hint
    return types


def find_type(kind: str, field: str) -> type | None:
    """Return the type of one field as a rule names it, or None when the kind has no such field."""
    types = find_types(kind)
    if field in types:
        return types[field]
    whole, dot, key = field.partition(".")
    return str if dot and key and types.get(whole) is dict else None


def is_about_program(kind: str) -> bool:
    """Tell whether events of this kind are about one program."""
    return "program.name" in find_types(kind)


def to_getter(kind: str, field: str) -> Callable[[object], Any]:
    """Return a function that reads a field off an event of this kind, or None where the event lacks it."""
    whole, _, key = field.partition(".")
    if find_types(kind).get(whole) is dict:
        # Not `[key]`: reading a missing key of a protobuf map would add it.
        return lambda event: (getattr(event, whole, None) or {}).get(key)
    read = attrgetter(field)

    def get(event: object) -> Any:
        try:
            return read(event)
        except AttributeError:
            return None

    return get


def to_event(kind: str, values: Mapping[str, object]) -> Kind:
    """Make an event of a known kind out of flat fields; what is not given is empty or zero."""
    arguments: dict[str, Any] = {}
    for field, type_ in find_types(kind).items():
        whole, dot, part = field.partition(".")
        value = values.get(field, type_())
        if dot:
            arguments.setdefault(whole, {})[part] = value
        elif type_ is dict:
            prefix = f"{field}."
            arguments[field] = {
                key.removeprefix(prefix): each for key, each in values.items() if key.startswith(prefix)
            }
        else:
            arguments[field] = value
    hints = get_type_hints(KINDS[kind])
    parts = {name: hints[name](**values) for name, values in arguments.items() if is_dataclass(hints[name])}
    return KINDS[kind](**(arguments | parts))
