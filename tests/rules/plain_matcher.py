# SPDX-License-Identifier: Apache-2.0
"""A matcher that goes through every rule, every program and every name, one after another; and things to compare with.

It is slow and plain, so that the compiled one can be held against it.
"""

import fnmatch
import re

from hypothesis import strategies as st

from proto.events import Program
from rules.likeness import LIKE
from rules.model import Condition, Operator, ProgramPattern, Rule
from tests.rules.sample import make_rule

names = st.sampled_from(["tor", "tor*", "t?r", "*or", "a*b", "gedit", "tor-browser", "to*-br*er"])
paths = st.sampled_from(["*/tor/*", "/opt/*", "*/tor", "/usr/bin/tor", "*/a*b/*", "/x?/*"])
digests = st.sampled_from(["aa", "bb"])


def make_sketch(first: int) -> str:
    """Return a sketch of 64 numbers in a row; two that begin near each other are alike."""
    return "s1:" + "".join(f"{first + number:08x}" for number in range(64))


sketches = st.sampled_from([make_sketch(first) for first in (0, 4, 40)])
program_names = st.sampled_from(
    ["tor", "Tor.exe", "TOR", "gedit", "ab", "axxb", "tor-browser", "tor (deleted)", "x", "T.o__R", "Onion (tor)"]
)
program_paths = st.sampled_from(["", "/usr/bin/tor", r"C:\Tor\x.exe", "/opt/tor/ab", "/x1/tor (deleted)", "/y/axb/z"])
programs = st.builds(
    Program,
    name=program_names,
    path=program_paths,
    sha256=st.sampled_from(["", "aa", "BB", "cc"]),
    source=st.sampled_from(
        ["process", "file", "appimage", "dpkg", "rpm", "flatpak", "snap", "pip", "npm", "extension", ""]
    ),
    build_id=st.sampled_from(["", "aa", "BB", "cc"]),
    sketch=st.sampled_from(["", "no sketch", *(make_sketch(first) for first in (0, 5, 10, 30, 42))]),
)


def several(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Return none to two of these values."""
    return st.lists(values, max_size=2, unique=True).map(tuple)


patterns = st.builds(
    ProgramPattern,
    name=st.sampled_from(["One", "Two", "Three"]),
    executables=several(names),
    packages=several(names),
    flatpaks=several(names),
    snaps=several(names),
    python_packages=several(st.sampled_from(["tor", "t-o-r", "to*"])),
    node_packages=several(names),
    extensions=several(st.sampled_from(["tor", "gedit"])),
    paths=several(paths),
    sha256=several(digests),
    build_ids=several(digests),
    sketches=several(sketches),
)
conditions = st.builds(
    Condition,
    st.just("program.source"),
    st.just(Operator.ONE_OF),
    st.lists(st.sampled_from(["process", "file", "dpkg", "snap"]), min_size=1).map(tuple),
)
rules = st.builds(
    lambda programs, when, unless_approved: make_rule(
        *programs, when=when, unless_approved=unless_approved, kinds=["program.found"]
    ),
    st.lists(patterns, max_size=3),
    st.lists(conditions, max_size=1),
    st.booleans(),
)


def fold(text: str) -> str:
    """Return a name as it is compared."""
    return text.casefold().removesuffix(" (deleted)").removesuffix(".exe")


def fold_python(text: str) -> str:
    """Return a Python package's name as it is compared."""
    return re.sub("[-_.]+", "-", text.casefold())


def fold_extension(text: str) -> str:
    """Return the id out of `Title (id)`."""
    return text.casefold().removesuffix(")").rpartition("(")[2] if text.endswith(")") else text.casefold()


def is_like(one: str, other: str) -> bool:
    """Tell whether two of the sketches above are alike; none of them has a number that another lacks in between."""
    if not one.startswith("s1:"):
        return False
    firsts = [int(sketch[3:11], 16) for sketch in (one, other)]
    return 1 - abs(firsts[0] - firsts[1]) / 64 >= LIKE


def find_evidence(pattern: ProgramPattern, program: Program) -> str | None:
    """Return what a program is recognised by, the strongest first."""
    name = fold(program.name)
    path = program.path.casefold().removesuffix(" (deleted)").replace("\\", "/")
    runs = program.source in ("process", "file", "appimage")
    own_names = {name, fold(path.rpartition("/")[2])} if path else {name}
    tried = [
        ("sha256", True, [program.sha256.casefold()], pattern.sha256),
        ("build_id", True, [program.build_id.casefold()], pattern.build_ids),
        ("sketch", any(is_like(program.sketch, each) for each in pattern.sketches), ["x"], ("x",)),
        ("executable", runs, own_names, pattern.executables),
        ("package", program.source in ("dpkg", "rpm"), [name], pattern.packages),
        ("flatpak", program.source == "flatpak", [name], pattern.flatpaks),
        ("snap", program.source == "snap", [name], pattern.snaps),
        ("python_package", program.source == "pip", [fold_python(program.name)], pattern.python_packages),
        ("node_package", program.source == "npm", [name], pattern.node_packages),
        ("extension", program.source == "extension", [fold_extension(program.name)], pattern.extensions),
        ("path", runs and bool(path), [path], pattern.paths),
    ]
    for matched_by, applies, texts, wildcards in tried:
        if applies and any(fnmatch.fnmatchcase(text, wildcard) for text in texts for wildcard in wildcards):
            return matched_by
    return None


def match_naively(rule: Rule, program: Program, approved: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return every program of a rule that fits with its evidence."""
    if any(program.source not in condition.values for condition in rule.when):
        return set()
    if not rule.programs:
        return set() if rule.unless_approved and fold(program.name) in approved else {("", "")}
    found = set()
    for pattern in rule.programs:
        own = (
            *(pattern.name.casefold(), *pattern.executables, *pattern.packages, *pattern.flatpaks, *pattern.snaps),
            *(*pattern.python_packages, *pattern.node_packages, *pattern.extensions),
        )
        if rule.unless_approved and any(fnmatch.fnmatchcase(name, each) for name in approved for each in own):
            continue
        if evidence := find_evidence(pattern, program):
            found.add((pattern.name, evidence))
    return found
