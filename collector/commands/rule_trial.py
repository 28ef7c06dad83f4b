# SPDX-License-Identifier: Apache-2.0
"""rules try: what a draft of rules would have raised, before it is published. It changes nothing."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collector.replay import Outcome, Replayed
    from rules.check import Problem
    from rules.model import Policy, Rule

MAX_WEEKS = 52
WEEKS = 4
SCHOOL = "school/"
_BAR_CHARACTERS = 30


def add_try(actions: Any) -> None:
    """Add `try` to the actions of `rules`."""
    text = "lint draft rules, run the tests inside them, and tell what they would have raised; 1 if one is not right"
    parser = add_command(actions, "try", _try, text)
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="rule files or folders of them, beside or instead of the school's own; or one folder that is a whole pack",
    )
    parser.add_argument(
        "--weeks", type=_to_weeks, default=WEEKS, metavar="N", help=f"how far to look back (default: {WEEKS})"
    )
    add_format(parser)
    add_dir(parser)


def _to_weeks(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_WEEKS:
        raise argparse.ArgumentTypeError(f"a number of weeks goes from 1 to {MAX_WEEKS}")
    return int(text)


def _try(options: argparse.Namespace) -> int:
    from collector.composition import read_files
    from collector.policies import open_own_bundle
    from collector.publications import find_distribution
    from collector.replay import WEEK_NS, replay
    from collector.subjects import load_account_key
    from rules.check import check_files
    from rules.load import parse_files

    drafted = _load_draft(options.paths)
    config, engine = open_folder(options)
    in_force = find_distribution(engine, config.school_id)
    if in_force is None:
        raise StoreError("no policy was ever published", hint="restore a backup of the database")
    # While a roll-out is under way: what most devices have.
    now = open_own_bundle(in_force.common, config)
    files = _put_into(read_files(in_force.common), drafted)
    problems = check_files(files)
    if problems:
        _print_problems(problems, options.format)
        return 1
    draft = parse_files(files, approved=now.approved)
    now_ns = time.time_ns()
    found = replay(
        engine,
        config.school_id,
        [now, draft],
        since_ns=now_ns - options.weeks * WEEK_NS,
        now_ns=now_ns,
        account_key=load_account_key(config),
        progress=_show_progress if sys.stderr.isatty() else lambda done, of: None,
    )
    _print_found(now, draft, found, options.format)
    return 0


def _load_draft(paths: Iterable[Path]) -> dict[str, str]:
    from rules.load import load_folder_or_file

    drafted: dict[str, str] = {}
    for path in paths:
        for name, text in load_folder_or_file(path).items():
            if name in drafted:
                raise UsageError(f"{name} is there twice", hint="name each file once")
            drafted[name] = text
    return drafted


def _put_into(files: dict[str, str], drafted: dict[str, str]) -> dict[str, str]:
    """Return the files of the policy as it would be: with another pack, or with other files of the school's own."""
    from rules.layers import PACK_FILE

    if PACK_FILE in drafted:
        return {name: text for name, text in files.items() if name.startswith(SCHOOL)} | drafted
    return files | {f"{SCHOOL}{name}": text for name, text in drafted.items()}


def _print_problems(problems: "list[Problem]", format: str) -> None:
    if format == "json":
        sys.stdout.write(json.dumps({"problems": [each.to_json() for each in problems]}, indent=1) + "\n")
        return
    for problem in problems:
        sys.stdout.write(f"{problem.message}\n" + (f"  {problem.hint}\n" if problem.hint else ""))
    sys.stderr.write(f"{len(problems)} problems; nothing was tried.\n")


def _print_found(now: "Policy", draft: "Policy", found: "Replayed", format: str) -> None:
    from collector.replay import find_unseen
    from rules.weakening import find_weakenings

    weakens, unseen = list(find_weakenings(now, draft)), find_unseen(now, draft)
    rows = _to_rows(now, draft, found)
    if format == "json":
        whole = {
            "problems": [],
            "events": found.events,
            "weeks": found.weeks,
            "rules": rows,
            "looks_for_something_new": unseen,
            "weakens": weakens,
        }
        sys.stdout.write(json.dumps(whole, indent=1) + "\n")
        return
    shown = [
        row | {"now": row["a_week_now"], "draft": row["a_week_draft"], "example": _find_example(row)} for row in rows
    ]
    print_rows(shown, format, "no rule raises anything, now or with the draft", _COLUMNS)
    sys.stderr.write(_summarise(rows, found))
    for text in weakens:
        sys.stderr.write(f"It takes something away from a safeguard, so a second person has to agree: {text}\n")
    if unseen:
        names = ", ".join(unseen)
        sys.stderr.write(f"The past cannot tell of these, which ask devices for something that is new: {names}\n")


_COLUMNS = ("rule", "change", "severity", "now", "draft", "example")


def _to_rows(now: "Policy", draft: "Policy", found: "Replayed") -> list[dict[str, Any]]:
    """Return a row for each rule that raises something now or with the draft, or that the draft changes."""
    before, after = found.outcomes
    rules_before, rules_after = ({rule.id: rule for rule in policy.rules} for policy in (now, draft))
    rows = []
    for rule_id in dict.fromkeys([*rules_after, *rules_before]):
        old, new = rules_before.get(rule_id), rules_after.get(rule_id)
        change = "new" if old is None else "gone" if new is None else "same" if _is_same(old, new) else "changed"
        if change == "same" and rule_id not in before and rule_id not in after:
            continue
        rule = new or old
        assert rule is not None
        rows.append(
            {
                "rule": rule_id,
                "title": rule.title,
                "change": change,
                "severity": rule.severity,
                "a_week_now": before[rule_id].a_week if rule_id in before else 0.0,
                "a_week_draft": after[rule_id].a_week if rule_id in after else 0.0,
                "incidents_now": before[rule_id].incidents if rule_id in before else 0,
                "incidents_draft": after[rule_id].incidents if rule_id in after else 0,
                "examples": _to_examples(after.get(rule_id)),
            }
        )
    return rows


def _is_same(old: "Rule", new: "Rule") -> bool:
    """Return whether two do the same: where they stand, how they are worded, which clauses they cite and what their
    tests are does not matter."""
    return _strip(old) == _strip(new)


def _strip(rule: "Rule") -> "Rule":
    return replace(rule, title="", why="", advice="", clauses=(), file="", changed_in=(), tests=())


def _to_examples(outcome: "Outcome | None") -> list[dict[str, Any]]:
    return [with_times(asdict(each)) for each in outcome.examples] if outcome else []


def _find_example(row: dict[str, Any]) -> str:
    return str(row["examples"][0]["summary"]) if row["examples"] else ""


def _summarise(rows: list[dict[str, Any]], found: "Replayed") -> str:
    now, draft = (sum(row[name] for row in rows) for name in ("a_week_now", "a_week_draft"))
    if not found.events:
        return "The ledger holds nothing of this time that could be judged again. Nothing is changed.\n"
    return (
        f"{found.events} events of {found.weeks} weeks were judged again: {now:.1f} incidents a week now, "
        f"{draft:.1f} with the draft. Nothing is changed.\n"
    )


def _show_progress(done: int, of: int) -> None:
    filled = _BAR_CHARACTERS if not of else _BAR_CHARACTERS * done // of
    bar = "#" * filled + "." * (_BAR_CHARACTERS - filled)
    sys.stderr.write(f"\r[{bar}] {done} of {of} events" + ("\n" if done >= of else ""))
    sys.stderr.flush()
