# SPDX-License-Identifier: Apache-2.0
"""Rule files to a policy. `compose` and `parse_files` are pure; the `load_` functions read the files and know
nothing of rules.

Files travel as texts under their names, here as in the signed bundle. Which lies above which is `layers`' business,
what each table may say is that of the grammars, whether they agree is `agreement`'s, and whether tests hold `check`'s.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules.agreement import find_disagreements
from rules.arrangements_grammar import KEYS as ARRANGEMENT_KEYS
from rules.arrangements_grammar import read_arrangements
from rules.change_grammar import read_rules
from rules.coverage import COVERAGE_FILE, Coverage, parse_coverage
from rules.errors import RuleFormatError, RulesError
from rules.layers import PACK_FILE, SCHOOL, order_layers, read_uppermost
from rules.model import Inventory, Keywords, Policy
from rules.names import to_name
from rules.responses_grammar import KEY as RESPONSE_KEY
from rules.responses_grammar import read_responses
from rules.settings_grammar import KEYS as SETTINGS_KEYS
from rules.settings_grammar import read_settings
from rules.table import Table, shown, to_hint
from rules.watching import KEY as KEYWORDS_KEY
from rules.watching import parse_keywords

if TYPE_CHECKING:
    from importlib.abc import Traversable

MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 100
MAX_LINE_CHARACTERS = 2000
"""A key of thousands of parts makes the TOML reader slow, and a key stands on one line."""


_POLICY_KEYS = (KEYWORDS_KEY, *SETTINGS_KEYS, *ARRANGEMENT_KEYS)
_PACK_KEYS = ("pack", "inventory", *_POLICY_KEYS)
_RULE_FILE_KEYS = ("rule", "change", RESPONSE_KEY, *_POLICY_KEYS)
_FILE_NAME = re.compile(r"([a-z0-9-]{1,32}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,94}\.toml")
"""With the folder of a pack beneath, or that a school's own files get in a bundle: `school/own.toml`."""


def list_packs() -> list[str]:
    """Return the names of the packs that come with the product."""
    return sorted(each.name for each in _packs().iterdir() if each.joinpath(PACK_FILE).is_file())


def load_pack(name: str) -> dict[str, str]:
    """Return the files of a pack that comes with the product, by name, and under `<parent>/` those of packs beneath.

    Raises:
        RulesError: there is no such pack.
    """
    packs = list_packs()
    if name not in packs:
        raise RulesError(f"there is no rule pack {shown(name)}", hint=to_hint(name, packs))
    return _with_packs_beneath(_load_files(name))


def load_coverage(name: str) -> list[Coverage]:
    """Return what of a policy is carried out by what, row by row; none for a pack that carries out no one policy.

    Raises:
        RulesError: there is no such pack.
        RuleFormatError: its `coverage.toml` is not right.
    """
    packs = list_packs()
    if name not in packs:
        raise RulesError(f"there is no rule pack {shown(name)}", hint=to_hint(name, packs))
    path = _packs().joinpath(name, COVERAGE_FILE)
    if not path.is_file():
        return []
    top = Table(_parse_toml(COVERAGE_FILE, path.read_text("utf-8")), keys=("clause",), file=COVERAGE_FILE)
    return parse_coverage(top.tables("clause"))


def _load_files(name: str) -> dict[str, str]:
    files = [each for each in _packs().joinpath(name).iterdir() if _is_of_policy(each.name)]
    return {file.name: file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name)}


def _with_packs_beneath(files: dict[str, str]) -> dict[str, str]:
    """Add the files of the packs that a pack extends, as far as they come with the product and are not there yet."""
    packs, extended, files = list_packs(), _find_extended(PACK_FILE, files), dict(files)
    while extended:
        folder, place = extended, f"{extended}/{PACK_FILE}"
        if place in files:
            break
        if folder not in packs:
            problem = f"there is no pack {shown(folder)}"
            raise RuleFormatError(problem, file=PACK_FILE, key="pack.extends", hint=to_hint(folder, packs))
        files |= {f"{folder}/{file}": text for file, text in _load_files(folder).items()}
        extended = _find_extended(place, files)
    return files


def _find_extended(file: str, files: Mapping[str, str]) -> str:
    try:
        values = _parse_toml(file, files[file]) if file in files else {}
    except RuleFormatError:
        return ""  # told when the file is read for what it says
    pack = values.get("pack")
    extends = pack.get("extends") if isinstance(pack, dict) else None
    return extends if isinstance(extends, str) else ""


def _is_of_policy(name: str) -> bool:
    return name.endswith(".toml") and name != COVERAGE_FILE


def _packs() -> "Traversable":
    # Imported here and for the type checker only: a device gets its rules in a bundle and does not need the weight.
    from importlib import resources

    return resources.files("rules").joinpath("packs")


def load_folder_or_file(path: Path) -> dict[str, str]:
    """Return the rule files of a folder (not of folders inside it), or one rule file, by name; beside a `pack.toml`
    that extends a pack which comes with the product, that one's files too.

    Raises:
        RuleFormatError: there is none, one cannot be read, or is too large or no text; or there is no such pack.
    """
    try:
        is_folder = path.is_dir()
        files = [each for each in sorted(path.glob("*.toml")) if _is_of_policy(each.name)] if is_folder else [path]
        if not files:
            raise RuleFormatError("holds no rule file", file=str(path), hint="the name of a rule file ends in .toml")
        return _with_packs_beneath({file.name: _load_text(file) for file in files})
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
    """Read a whole policy: a pack, the packs beneath it, a school's own rule files or none, and its allow list.

    Raises:
        RuleFormatError: the first thing that is not right.
    """
    policy, problems = compose(files, approved=approved, version=version)
    for problem in problems:
        raise problem
    return policy


def compose(
    files: Mapping[str, str], *, approved: Iterable[str] = (), version: int = 0
) -> tuple[Policy, list[RuleFormatError]]:
    """Return what can be read of a policy, and everything that is not right. Only one without problems may be used."""
    tables, problems = _read_tables(files)
    layers, layer_problems = order_layers(tables)
    unread = {problem.file for problem in problems}
    problems += (problem for problem in layer_problems if problem.file not in unread)
    heads = [layer.head for layer in reversed(layers) if layer.head is not None]
    rules, rule_problems = read_rules(layers, is_whole=not problems)
    inventory, inventory_problems = read_uppermost(layers, "inventory", _parse_inventory)
    keywords, keywords_problems = read_uppermost(layers, KEYWORDS_KEY, parse_keywords)
    settings, settings_problems = read_settings(layers)
    arrangements, arrangements_problems = read_arrangements(layers)
    responses, response_problems = read_responses(layers)
    problems += [
        *rule_problems,
        *inventory_problems,
        *keywords_problems,
        *settings_problems,
        *arrangements_problems,
        *response_problems,
    ]
    policy = Policy(
        pack=heads[0].id if heads else "",
        title=heads[0].title if heads else "",
        rules=tuple(rules),
        parents=tuple(head.id for head in heads[1:]),
        clauses=heads[0].clauses if heads else "",
        inventory=inventory or Inventory(),
        keywords=keywords or Keywords(),
        settings=settings,
        arrangements=arrangements,
        responses=responses,
        approved=frozenset(to_name(name) for name in approved),
        version=version,
    )
    # What is missing because it cannot be read was told already.
    return policy, problems or find_disagreements(layers, policy)


def _read_tables(files: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], list[RuleFormatError]]:
    """Return the tables of each file that is TOML and has tables that it may have."""
    tables: dict[str, dict[str, Any]] = {}
    problems: list[RuleFormatError] = []
    if len(files) > MAX_FILES:
        problems.append(RuleFormatError(f"{len(files)} files, more than {MAX_FILES}", file=PACK_FILE))
    for file in sorted(files):
        try:
            values = _parse_toml(file, files[file])
            # A school is no pack, whatever it calls its file.
            is_pack = file.rpartition("/")[2] == PACK_FILE and not file.startswith(f"{SCHOOL}/")
            top = Table(values, keys=_PACK_KEYS if is_pack else _RULE_FILE_KEYS, file=file)
            top.tables("rule")
            top.tables("change")
            if not values:
                raise RuleFormatError("holds no rule", file=file, hint="a rule starts with [[rule]]")
        except RuleFormatError as error:
            problems.append(error)
        else:
            tables[file] = values
    return tables, problems


def _parse_inventory(top: Table, key: str) -> Inventory:
    asked = top.inner_table(key, ("ask", "reason"))
    ask = asked.flag("ask", default=False)
    # A device is told why it is asked, so a reason is required with the question and only then.
    return Inventory(ask=ask, reason=asked.text("reason", None if ask else ""))


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
