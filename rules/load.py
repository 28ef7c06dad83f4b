# SPDX-License-Identifier: Apache-2.0
"""Rule files to a policy. `parse_files` is pure; the `load_` functions read the files and know nothing of rules.

Files travel as texts under their names, here as in the signed bundle. What one rule may say is `grammar`'s business,
what `[keywords]` may say is `watching`'s, limits of single checks are `settings_grammar`'s; whether tests hold is
`check`'s.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules.errors import RuleFormatError, RulesError
from rules.grammar import parse_rule
from rules.model import Inventory, Keywords, Policy, Rule
from rules.names import to_name
from rules.settings import Settings
from rules.settings_grammar import KEYS as SETTINGS_KEYS
from rules.settings_grammar import parse_settings
from rules.table import Table, shown, to_hint
from rules.watching import KEY as KEYWORDS_KEY
from rules.watching import parse_keywords

if TYPE_CHECKING:
    from importlib.abc import Traversable

PACK_FILE = "pack.toml"
"""Says what the pack is; every other file holds rules, `[keywords]`, or both."""

MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 100
MAX_RULES = 1000
MAX_LINE_CHARACTERS = 2000
"""A key of thousands of parts makes the TOML reader slow, and a key stands on one line."""


_PACK_KEYS = ("pack", "inventory", KEYWORDS_KEY, *SETTINGS_KEYS)
_RULE_FILE_KEYS = ("rule", KEYWORDS_KEY, *SETTINGS_KEYS)
_FILE_NAME = re.compile(r"([a-z0-9-]{1,32}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,94}\.toml")
"""With the folder that a school's own files get in a bundle: `school/own.toml`."""


def list_packs() -> list[str]:
    """Return the names of the packs that come with the product."""
    return sorted(each.name for each in _packs().iterdir() if each.joinpath(PACK_FILE).is_file())


def load_pack(name: str) -> dict[str, str]:
    """Return the files of a pack that comes with the product, by name.

    Raises:
        RulesError: there is no such pack.
    """
    packs = list_packs()
    if name not in packs:
        raise RulesError(f"there is no rule pack {shown(name)}", hint=to_hint(name, packs))
    files = [each for each in _packs().joinpath(name).iterdir() if each.name.endswith(".toml")]
    return {file.name: file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name)}


def _packs() -> "Traversable":
    # Imported here and for the type checker only: a device gets its rules in a bundle and does not need the weight.
    from importlib import resources

    return resources.files("rules").joinpath("packs")


def load_folder_or_file(path: Path) -> dict[str, str]:
    """Return the rule files of a folder (not of folders inside it), or one rule file, by name.

    Raises:
        RuleFormatError: there is none, one cannot be read, or is too large or no text.
    """
    try:
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not files:
            raise RuleFormatError("holds no rule file", file=str(path), hint="the name of a rule file ends in .toml")
        return {file.name: _load_text(file) for file in files}
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise RuleFormatError(problem, file=str(path), hint="name a rule file or a folder of them") from error


def _load_text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise RuleFormatError("is no file", file=str(path), hint="name a rule file or a folder of them")
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise _too_large(path.name)
    try:
        # Windows' own editor puts a mark in front of UTF-8.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RuleFormatError("is not UTF-8 text", file=path.name, hint="save it as UTF-8") from error


def parse_files(files: Mapping[str, str], *, approved: Iterable[str] = (), version: int = 0) -> Policy:
    """Read a whole pack, with a school's own rule files among it or not, and the school's allow list.

    Raises:
        RuleFormatError: the first thing that is not right.
    """
    pack, inventory = parse_pack(files)
    rules, problems = parse_rules(files)
    keywords, more_problems = find_keywords(files)
    settings, even_more_problems = find_settings(files)
    for problem in [*problems, *more_problems, *even_more_problems]:
        raise problem
    return Policy(
        pack=pack["id"],
        title=pack["title"],
        rules=tuple(rules),
        inventory=inventory,
        keywords=keywords,
        settings=settings,
        approved=frozenset(to_name(name) for name in approved),
        version=version,
    )


def parse_pack(files: Mapping[str, str]) -> tuple[dict[str, str], Inventory]:
    """Read `pack.toml`: who the pack is, and whether devices are asked for their inventory.

    Raises:
        RuleFormatError: it is missing, or breaks the format.
    """
    if PACK_FILE not in files:
        raise RuleFormatError("is missing", file=PACK_FILE, hint="it holds [pack] with id and title")
    top = Table(_parse_toml(PACK_FILE, files[PACK_FILE]), keys=_PACK_KEYS, file=PACK_FILE)
    pack = top.inner_table("pack", ("id", "title"))
    asked = top.inner_table("inventory", ("ask", "reason"))
    ask = asked.flag("ask", default=False)
    # A device is told why it is asked, so a reason is required with the question and only then.
    inventory = Inventory(ask=ask, reason=asked.text("reason", None if ask else ""))
    return {"id": pack.text("id"), "title": pack.text("title")}, inventory


def parse_rules(files: Mapping[str, str]) -> tuple[list[Rule], list[RuleFormatError]]:
    """Read every rule of every file but `pack.toml`; what is not right is returned, one error a rule at most."""
    rules: dict[str, Rule] = {}
    problems: list[RuleFormatError] = []
    if len(files) > MAX_FILES:
        problems.append(RuleFormatError(f"{len(files)} files, more than {MAX_FILES}", file=PACK_FILE))
    for file in sorted(files.keys() - {PACK_FILE}):
        try:
            tables = _parse_rule_tables(file, files[file])
        except RuleFormatError as error:
            problems.append(error)
            continue
        for values in tables:
            if len(rules) == MAX_RULES:
                problems.append(RuleFormatError(f"more than {MAX_RULES} rules in all", file=file))
                return list(rules.values()), problems
            try:
                rule = parse_rule(values, file)
                _verify_new(rule, rules)
            except RuleFormatError as error:
                problems.append(error)
            else:
                rules[rule.id] = rule
    return list(rules.values()), problems


def find_keywords(files: Mapping[str, str]) -> tuple[Keywords, list[RuleFormatError]]:
    """Read `[keywords]` from the one file that holds it; without any, nobody is watched. What is not right is returned.

    Files that cannot be read at all are told by `parse_pack` and `parse_rules`.
    """
    keywords, problems, first = Keywords(), [], ""
    for file in sorted(files):
        try:
            values = _parse_toml(file, files[file])
            if KEYWORDS_KEY not in values:
                continue
        except RuleFormatError:
            continue
        if first:
            problem = f"is there twice, first in {first}"
            problems.append(RuleFormatError(problem, file=file, key=KEYWORDS_KEY, hint="leave it in one of them"))
            continue
        first = file
        try:
            keywords = parse_keywords(Table(values, keys=values, file=file).table(KEYWORDS_KEY), file)
        except RuleFormatError as error:
            problems.append(error)
    return keywords, problems


def find_settings(files: Mapping[str, str]) -> tuple[Settings, list[RuleFormatError]]:
    """Read the tables that set limits for single checks, the usual ones without any. What is not right is returned.

    Files that cannot be read at all are told by `parse_pack` and `parse_rules`.
    """
    tables = {}
    for file, text in files.items():
        with suppress(RuleFormatError):
            tables[file] = _parse_toml(file, text)
    return parse_settings(tables)


def _parse_rule_tables(file: str, text: str) -> list[dict[str, Any]]:
    top = Table(_parse_toml(file, text), keys=_RULE_FILE_KEYS, file=file)
    tables = top.tables("rule")
    if not tables and not any(key in top for key in _RULE_FILE_KEYS):
        raise RuleFormatError("holds no rule", file=file, hint="a rule starts with [[rule]]")
    return tables


def _verify_new(rule: Rule, rules: Mapping[str, Rule]) -> None:
    if rule.id in rules:
        problem = f"is there twice, first in {rules[rule.id].file}"
        raise RuleFormatError(problem, file=rule.file, rule=rule.id, key="id", hint="give it another id")


def _parse_toml(file: str, text: str) -> dict[str, Any]:
    if not _FILE_NAME.fullmatch(file):
        raise RuleFormatError("is no name for a rule file", file=shown(file), hint="letters, digits, hyphens: own.toml")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_FILE_BYTES:
        raise _too_large(file)
    if any(len(line) > MAX_LINE_CHARACTERS for line in text.split("\n")):
        raise RuleFormatError(f"has a line of more than {MAX_LINE_CHARACTERS} characters", file=file, hint="break it")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise RuleFormatError(
            "is nested too deeply", file=file, hint="rule files have tables and lists only"
        ) from error
    except ValueError as error:
        # Not only TOMLDecodeError: a number of ten thousand digits is another one.
        raise RuleFormatError(f"is no TOML: {error}"[:200], file=file, hint="mend the line it names") from error


def _too_large(file: str) -> RuleFormatError:
    return RuleFormatError(f"is larger than {MAX_FILE_BYTES // 1024} KiB", file=file, hint="split it into several")
