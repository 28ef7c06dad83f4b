# SPDX-License-Identifier: Apache-2.0
"""The command `schoolwarden-agent`. Only `main` prints and decides how a command ends.

stdout is data, stderr is talk. Exit codes: 0 good, 1 a finding, 2 a wrong call, 3 an environment that does not work,
130 ended from the keyboard before it was done.
"""

import argparse
import io
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from agent.config import AGENT_VERSION, CHECKS, Config
from agent.keystore.names import DEFAULT_STORE, STORES
from proto.errors import SchoolwardenError

STATUS_IS_OLD_AFTER_S = 15.0
TOKEN_MAX_BYTES = 64 * 1024
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's alphabet cannot write must not end the command.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        code: int = options.command(options)
        sys.stdout.flush()
        return code
    except SchoolwardenError as error:
        _complain(error)
        if options.verbose:
            logging.exception("in full")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has enough.
        _abandon_output()
        return 0
    except PermissionError as error:
        sys.stderr.write(
            f"schoolwarden-agent: {error}\n  run it as the user who owns the folder (for a service: root)\n"
        )
        return 3
    except OSError as error:
        sys.stderr.write(f"schoolwarden-agent: {error}\n")
        _abandon_output()
        return 3
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schoolwarden-agent",
        description="Watches this machine for what the school's signed policy names, and sends signed events to its "
        "collector. It detects and records; it prevents nothing and has no silent mode.",
    )
    parser.add_argument("--version", action="version", version=f"schoolwarden-agent {AGENT_VERSION}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add_enrol(commands)

    run = commands.add_parser("run", help="watch and send until told to stop")
    _add_state(run)
    run.set_defaults(command=_run)

    status = commands.add_parser("status", help="how the agent on this machine stands; 1 if it is not well")
    _add_state(status)
    _add_format(status)
    status.set_defaults(command=_status)

    explain = commands.add_parser("explain", help="exactly what is collected on this machine, and why")
    _add_state(explain)
    _add_format(explain)
    explain.set_defaults(command=_explain)

    check = commands.add_parser("check", help="run checks once, with no collector; 1 if one fails")
    check.add_argument("names", nargs="*", metavar="NAME", help=f"which checks: {', '.join(CHECKS)} (default: all)")
    check.add_argument(
        "--state", type=Path, metavar="S", help="use the policy of this enrolled agent instead of the shipped baseline"
    )
    _add_format(check)
    check.set_defaults(command=_check)

    coverage = commands.add_parser("coverage", help="what each check sees on each system, and how that was proven")
    coverage.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="how to print (default: text)"
    )
    coverage.set_defaults(command=_coverage)

    match = commands.add_parser(
        "match",
        help="search texts on stdin for the keywords, to try them out; 1 if a line could not be read",
        description='One line out for each line in. With --format json, lines in are {"id": ..., "text": ...}; '
        "without, each line is a text as it stands.",
    )
    match.add_argument("--languages", nargs="+", default=["en"], metavar="L", help="which lexicons (default: en)")
    _add_format(match)
    match.set_defaults(command=_match)

    fingerprint = commands.add_parser("fingerprint", help="what a rule needs to know a program by its content")
    fingerprint.add_argument("files", nargs="+", type=Path, metavar="FILE", help="executable files")
    _add_format(fingerprint)
    fingerprint.set_defaults(command=_fingerprint)
    return parser


def _add_enrol(commands: Any) -> None:
    enrol = commands.add_parser("enrol", help="make this machine a device of a school")
    _add_state(enrol)
    enrol.add_argument("--token", required=True, metavar="T", help="the enrolment token, or - to read it from stdin")
    enrol.add_argument(
        "--again",
        action="store_true",
        help="enrol as a new device although it is enrolled already; at the same school, what waits in its queue goes "
        "along",
    )
    enrol.add_argument(
        "--keys",
        choices=STORES,
        default=DEFAULT_STORE,
        help="where its private keys are made and stay: in protected files, or in the machine's TPM 2.0, which they "
        "never leave (default: file)",
    )
    enrol.set_defaults(command=_enrol)


def _add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", type=Path, required=True, metavar="S", help="the folder where the agent keeps its things"
    )


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def _enrol(options: argparse.Namespace) -> int:
    from agent.enrolment import enrol_machine

    token = options.token
    if token == "-":
        token = sys.stdin.buffer.read(TOKEN_MAX_BYTES).decode("utf-8", "replace")
    identity = enrol_machine(Config(options.state), token, again=options.again, keys=options.keys)
    sys.stderr.write(
        f"Enrolled as device {identity.device_id} of {identity.school_name}.\n"
        f"Start it: schoolwarden-agent run --state {options.state}\n"
        f"What it collects: schoolwarden-agent explain --state {options.state}\n"
    )
    return 0


def _run(options: argparse.Namespace) -> int:
    from agent.app import run_agent
    from agent.session.secrecy import keep_undumped
    from agent.system import current

    # It holds its keys in memory, and for a moment what was typed.
    keep_undumped()
    run_agent(Config(options.state), current())
    return 0


def _status(options: argparse.Namespace) -> int:
    from agent.status import to_lines

    status = _load_status(Config(options.state))
    age_s = time.time() - status["written_at_ns"] / 1e9
    # An agent that was killed could not say that it ends. Nor does one write from a time that is still to come.
    status["running"] = status["running"] and abs(age_s) < STATUS_IS_OLD_AFTER_S
    is_well = status["running"] and status["connected"]
    if options.format == "json":
        sys.stdout.write(json.dumps(status, indent=1) + "\n")
        return 0 if is_well else 1
    _write_lines(to_lines(status, age_s=age_s, state=options.state))
    return 0 if is_well else 1


def _load_status(config: Config) -> dict[str, Any]:
    """Return what the agent of this machine's device last wrote of itself, or what is true of one that never ran."""
    from agent.identity import IdentityFolder

    identity = IdentityFolder(config.state).load()
    never: dict[str, Any] = {
        "running": False,
        "written_at_ns": 0,
        "school": identity.school_name,
        "device": identity.device_id,
        "keys": identity.keys.store,
        "collector": identity.events_address,
        "certificate_ends_at_s": identity.certificate_not_after_s,
        "clock_offset_ns": 0,
        "connected": False,
        "problem": "it never ran",
        "waiting_events": 0,
        "quarantined_events": 0,
        "quarantined_why": "",
        "happened": "",
        "policy_version": 0,
        "recipients_version": 0,
        "not_watched": [],
        "checks": [],
    }
    try:
        written = json.loads(config.status_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return never
    is_ours = isinstance(written, dict) and written.get("device") == identity.device_id
    return never | written if is_ours else never


def _explain(options: argparse.Namespace) -> int:
    from agent.explain import explain
    from agent.identity import IdentityFolder
    from agent.policy import PolicyStore
    from agent.readers import ReaderStore
    from agent.system import current

    config = Config(options.state)
    identity = IdentityFolder(options.state).load()
    policy = PolicyStore(config.policy_file, identity)
    readers = ReaderStore(config.readers_file, identity, config.pin_file)
    for store in (policy, readers):
        try:
            store.load()
        except SchoolwardenError as error:
            # What holds then is what the agent does then: it goes on without.
            _complain(error)
    explanation = explain(identity, policy, readers, current())
    if options.format == "json":
        sys.stdout.write(json.dumps(explanation.to_json(), indent=1) + "\n")
    else:
        _write_lines(explanation.to_text().rstrip("\n").split("\n"))
    return 0


def _check(options: argparse.Namespace) -> int:
    from agent.once import check_once

    results = check_once(options.names or CHECKS, Config(options.state) if options.state else None)
    if options.format == "json":
        sys.stdout.write(json.dumps([result.to_json() for result in results], indent=1) + "\n")
    else:
        for result in results:
            facts = [f"  {name}: {value}" for name, value in sorted(result.facts.items())]
            _write_lines([f"{result.check}: {result.state.value} - {result.summary}", *facts])
    return 1 if any(result.state == "fail" for result in results) else 0


def _coverage(options: argparse.Namespace) -> int:
    from agent.checks.proofs import to_json, to_markdown, to_text
    from agent.checks.proven import ROWS

    if options.format == "text":
        _write_lines(to_text(ROWS))
    else:
        is_json = options.format == "json"
        sys.stdout.write(json.dumps(to_json(ROWS), indent=1) + "\n" if is_json else to_markdown(ROWS))
    return 0


def _match(options: argparse.Namespace) -> int:
    from agent.matching import match_json_lines, match_texts
    from rules.keywords.lexicon import load_lexicon
    from rules.keywords.match import Matcher

    matcher = Matcher(load_lexicon(options.languages))
    is_json = options.format == "json"
    is_all_read = True
    for line in (match_json_lines if is_json else match_texts)(sys.stdin.buffer, matcher):
        is_all_read = is_all_read and not line.problem
        if is_json:
            sys.stdout.write(json.dumps(line.to_json()) + "\n")
        else:
            _write_lines([line.to_text()])
        # Whoever writes line by line waits for each answer.
        sys.stdout.flush()
    return 0 if is_all_read else 1


def _fingerprint(options: argparse.Namespace) -> int:
    from agent.fingerprint import take_fingerprint
    from agent.parsing.launch import ParsingChild

    with closing(ParsingChild()) as parsing:
        fingerprints = [take_fingerprint(path, parsing) for path in options.files]
    if options.format == "json":
        sys.stdout.write(json.dumps([each.to_json() for each in fingerprints], indent=1) + "\n")
    else:
        _write_lines(line for each in fingerprints for line in each.to_lines())
    return 0


def _complain(error: SchoolwardenError) -> None:
    sys.stderr.write(f"schoolwarden-agent: {_show(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"  {_show(error.hint)}\n")


def _write_lines(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{_show(line)}\n" for line in lines))


def _show(line: str) -> str:
    """Return a line in which every character is seen: whoever names a file must not command the terminal."""
    return "".join(each if each.isprintable() else f"[U+{ord(each):04X}]" for each in line)


def _abandon_output() -> None:
    """Let go what could not be written; Python would try again at its end, and complain."""
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
