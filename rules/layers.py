# SPDX-License-Identifier: Apache-2.0
"""Which rule files lie above which. From the ground up: the eldest parent of a pack, ..., the pack, the school.

    [pack]                                      # in pack.toml
    id = "bexton"                               # the name of its folder
    title = "Bexton Primary School"
    extends = "uk-baseline"                     # optional: the pack beneath
    clauses = "BX"                              # optional: rules of packs beneath lose other policies' clauses

Files of the pack itself have no folder in their names, those of a pack beneath have its own (`uk-baseline/usb.toml`),
those of the school have `school/`. A table stands in one file of a layer, and takes the place of the same table further
down, whole. What has an id likewise, but rules: these are changed part by part (`change_grammar`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rules.errors import RuleFormatError
from rules.table import Table, shown

T = TypeVar("T")
Tables = Mapping[str, Any]
"""What stands at the top of one file."""

PACK_FILE = "pack.toml"
SCHOOL = "school"
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_LETTERS = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """`[pack]`: who a pack is."""

    id: str
    title: str
    extends: str = ""
    clauses: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """The files of one pack, or of the school."""

    head: Head | None
    """None for the school's, and for a pack that cannot be read."""
    files: Mapping[str, Tables]

    def list_tables(self, key: str) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
        """Return every `[[key]]` with its file and its number there. What is no table is left out."""
        for file in sorted(self.files):
            values = self.files[file].get(key)
            for number, each in enumerate(values if isinstance(values, list) else (), start=1):
                if isinstance(each, dict):
                    yield file, number, each


def order_layers(files: Mapping[str, Tables]) -> tuple[list[Layer], list[RuleFormatError]]:
    """Return the layers from the ground up. What is not right is returned too."""
    folders: dict[str, dict[str, Tables]] = {"": {}}
    for file in sorted(files):
        folders.setdefault(file.rpartition("/")[0], {})[file] = files[file]
    upper = [Layer(None, folders.pop(SCHOOL))] if SCHOOL in folders else []
    layers: list[Layer] = []
    folder = ""
    while True:
        try:
            head = _parse_head(folder, folders[folder])
        except RuleFormatError as error:
            return [*reversed([*layers, Layer(None, folders[folder])]), *upper], [error]
        layers.append(Layer(head, folders.pop(folder)))
        if not head.extends:
            break
        if head.extends not in folders:
            below = {each.head.id for each in layers if each.head}
            return [*reversed(layers), *upper], [_no_parent(folder, head, is_cycle=head.extends in below)]
        folder = head.extends
    problems = [_no_layer(min(each)) for each in folders.values()]
    return [*reversed(layers), *upper], problems


def _parse_head(folder: str, files: Mapping[str, Tables]) -> Head:
    file = f"{folder}/{PACK_FILE}".removeprefix("/")
    if file not in files:
        raise RuleFormatError("is missing", file=file, hint="it holds [pack] with id and title")
    top = Table({"pack": files[file].get("pack", {})}, keys=("pack",), file=file)
    table = top.inner_table("pack", ("id", "title", "extends", "clauses"))
    head = Head(
        id=table.text("id"),
        title=table.text("title"),
        extends=table.text("extends", ""),
        clauses=table.text("clauses", ""),
    )
    if folder and head.id != folder:
        raise table.fault(f"is {shown(head.id)}", key="id", hint=f"the name of its folder: {folder}")
    if head.extends and (not _NAME.fullmatch(head.extends) or head.extends == SCHOOL):
        raise table.fault(f"is {shown(head.extends)}", key="extends", hint="the name of a pack: uk-baseline")
    if head.clauses and not _LETTERS.fullmatch(head.clauses):
        raise table.fault(f"is {shown(head.clauses)}", key="clauses", hint="the letters before a clause's number: BX")
    return head


def _no_parent(folder: str, head: Head, *, is_cycle: bool) -> RuleFormatError:
    file = f"{folder}/{PACK_FILE}".removeprefix("/")
    if is_cycle:
        problem, hint = f"{head.extends!r} lies above it already", "packs lie one upon the other, so leave it out"
    else:
        problem, hint = f"there is no pack {shown(head.extends)}", "schoolwarden-collector packs lists those there are"
    return RuleFormatError(problem, file=file, key="pack.extends", hint=hint)


def _no_layer(file: str) -> RuleFormatError:
    hint = f"a folder is {SCHOOL}/, or that of a pack that pack.toml extends"
    return RuleFormatError("belongs to no pack of this policy", file=file, hint=hint)


def read_uppermost(
    layers: Iterable[Layer], key: str, parse: Callable[[Table, str], T]
) -> tuple[T | None, list[RuleFormatError]]:
    """Read the table of one name in the highest layer that has it. What is not right, in any layer, is returned too."""
    found: T | None = None
    problems: list[RuleFormatError] = []
    for layer in layers:
        first = ""
        for file in (each for each in sorted(layer.files) if key in layer.files[each]):
            top = Table({key: layer.files[file][key]}, keys=(key,), file=file)
            try:
                if first:
                    raise top.fault(f"is there twice, first in {first}", key=key, hint="leave it in one of them")
                first = file
                found = parse(top, key)
            except RuleFormatError as error:
                problems.append(error)
    return found, problems


def read_listed(
    layers: Sequence[Layer],
    key: str,
    keys: Iterable[str],
    parse: Callable[[Table], T],
    name_of: Callable[[T], str],
) -> tuple[tuple[T, ...], list[RuleFormatError]]:
    """Read every `[[key]]` of all files; one of the same name in a higher layer takes the place. What is not right is
    returned too."""
    found: dict[str, T] = {}
    problems: list[RuleFormatError] = []
    keys = tuple(keys)
    for layer in layers:
        first: dict[str, str] = {}
        for file in (each for each in sorted(layer.files) if key in layer.files[each]):
            try:
                for table in Table({key: layer.files[file][key]}, keys=(key,), file=file).inner_tables(key, keys):
                    value = parse(table)
                    name = name_of(value)
                    if name in first:
                        hint = "a name stands for one of them"
                        raise table.fault(f"{name!r} is there twice, first in {first[name]}", hint=hint)
                    first[name], found[name] = file, value
            except RuleFormatError as error:
                problems.append(error)
    return tuple(found.values()), problems
