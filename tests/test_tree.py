# SPDX-License-Identifier: Apache-2.0
"""Tests of the rules about the tree itself: what may lie in it, and how a module begins and how long it grows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tree import ROOMS, ROOT, list_files, list_modules

MODULE_LINES = 400
"""The hard stop; about 300 is what a reader has patience for."""
FUNCTION_LINES = 60
"""The hard stop; about 50 fit on a screen."""

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "core", "misc"}
"""Names that say nothing about what is inside."""

# The brackets keep this file from finding itself.
STRANGERS = {
    "a path of one machine": re.compile(r"/wor[k]/|/roo[t]/\w|/tm[p]/bash"),
    "the address of a package registry": re.compile(
        r"pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|deb\.debia[n]\.org"
    ),
    "work that is not done": re.compile(r"\bTOD[O]\b|\bFIXM[E]\b|\bXX[X]\b|NotImplemente[d]Error"),
    "a ticket instead of a reason": re.compile(r"\bissu[e] #?\d"),
}
THIRD_PARTY = re.compile(r"(?:^|/)node_modules/|\.min\.(?:js|css)$|\.(?:woff2?|ttf|otf|eot|whl|jar|so|dll|exe)$")


def name_of(path: Path) -> str:
    """Return a path as the project writes it."""
    return path.relative_to(ROOT).as_posix()


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function of a module, methods too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_top_level_is_the_six_rooms() -> None:
    """No folder stands beside the six rooms but hidden ones."""
    folders = {name_of(path).split("/")[0] for path in list_files() if "/" in name_of(path)}
    assert {name for name in folders if not name.startswith(".")} <= set(ROOMS)


@pytest.mark.parametrize("what", STRANGERS)
def test_nothing_strange_is_written_anywhere(what: str) -> None:
    """No file names a machine, a registry, unfinished work or a ticket."""
    found = []
    for path in list_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{name_of(path)}:{number}" for number, line in enumerate(lines, 1) if STRANGERS[what].search(line)]
    assert not found, "\n".join(found)


def test_no_third_party_code_is_committed() -> None:
    """What others wrote comes through pip and npm when it is needed."""
    assert [name_of(path) for path in list_files() if THIRD_PARTY.search(name_of(path))] == []


def test_every_module_says_its_licence_and_what_it_is() -> None:
    """A module begins with the licence in one line, and with a sentence that says what it is."""
    bare = []
    for path in list_modules():
        text = path.read_text(encoding="utf-8")
        if not text.startswith("# SPDX-License-Identifier: Apache-2.0\n") or not ast.get_docstring(ast.parse(text)):
            bare.append(name_of(path))
    assert not bare, "\n".join(bare)


def test_every_folder_of_tests_is_a_package() -> None:
    """Without __init__.py all the way up, `tests/agent` would stand in for `agent`."""
    folders = {path.parent for path in list_files(suffix=".py") if name_of(path).startswith("tests/")}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring states the behaviour, methods of test classes included."""
    silent = [
        f"{name_of(path)}: {function.name}"
        for path in list_modules()
        if path.name.startswith("test_")
        for function in functions_of(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not silent, "\n".join(silent)


def test_names_say_something() -> None:
    """No module or folder is called after nothing in particular."""
    parts = {(name_of(path), part) for path in list_modules() for part in (path.stem, *path.relative_to(ROOT).parts)}
    assert [name for name, part in sorted(parts) if part in EMPTY_NAMES] == []


def test_modules_and_functions_fit_a_reader() -> None:
    """No module and no function grows past the hard stop."""
    long = []
    for path in list_modules():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        long += [f"{name_of(path)}: {lines} lines"] if lines > MODULE_LINES else []
        for function in functions_of(path):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            long += [f"{name_of(path)}: {function.name}, {lines} lines"] if lines > FUNCTION_LINES else []
    assert not long, "\n".join(long)
