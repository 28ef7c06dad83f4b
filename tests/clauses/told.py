# SPDX-License-Identifier: Apache-2.0
"""What devices tell in proofs, shortly said, and what a policy makes of it before whom."""

from collections.abc import Iterable

from collector.coincidences import record_coincidences
from collector.devices import note_seen
from collector.presence import GRACE_NS
from proto.events import (
    FileArrived,
    Kind,
    PostureFound,
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramStarted,
    UsbDevice,
    UsbWritten,
)
from rules.evaluate import Evaluator
from rules.fields import to_event
from rules.model import Expectation, Rule, RuleTest
from rules.moment import Moment
from tests.clauses.world import MONDAY_IN_LESSON, World, load_policy_of
from tests.collector.evidence import numbers_of, send
from tests.collector.machines import sign_in
from tests.collector.school import SECOND_NS

AROUND_THE_FILTER = ("bypass-tor", "bypass-vpn-service", "bypass-vpn-client", "bypass-proxy", "bypass-tunnel")
BREAKING_IN = (
    "cracking-passwords",
    "cracking-credentials",
    "hacking-wireless",
    "hacking-interception",
    "hacking-attack",
)


def started(name: str, folder: str = "/usr/bin") -> ProgramStarted:
    """Return that a program was started."""
    return ProgramStarted(Program(name, f"{folder}/{name}", source="process"))


def found(package: str) -> ProgramFound:
    """Return that a package is there that a rule names."""
    return ProgramFound(Program(package, source="dpkg"))


def installed(package: str) -> ProgramInstalled:
    """Return that a package came."""
    return ProgramInstalled(Program(package, source="dpkg", version="1.0"))


def written(protection: str, *, is_approved: bool = False) -> UsbWritten:
    """Return that something was written to a stick."""
    return UsbWritten(
        UsbDevice("0951", "1666", serial=f"stick-{protection}", protection=protection, is_approved=is_approved),
        written_bytes=4 * 2**20,
    )


def measured(item: str, state: str = "fail") -> PostureFound:
    """Return that something about a machine's own security is not as it should be."""
    return PostureFound(item, state, "As it was measured.")


def arrived(name: str, format_: str, *, contains: str = "") -> FileArrived:
    """Return that a file came to a downloads folder."""
    return FileArrived(name, "downloads", format_, contains=contains, is_executable=True)


WAYS_AROUND = (started("tor"), started("nordvpnd"), started("openvpn"), started("psiphon3"), started("iodine"))
"""One for each rule of AROUND_THE_FILTER."""
TOOLS_OF_ATTACK = (
    started("john"),
    started("mimikatz"),
    started("aircrack-ng"),
    started("ettercap"),
    started("msfconsole"),
)
"""One for each rule of BREAKING_IN."""


def find_example(rule: Rule) -> RuleTest:
    """Return the first test inside a rule that says what the rule is for."""
    return next(test for test in rule.tests if test.expect is Expectation.MATCH and test.event["kind"] in rule.kinds)


def to_kind(test: RuleTest) -> Kind:
    """Return the event of a test inside a rule, as a device tells it."""
    fields = {field: value for field, value in test.event.items() if field != "kind"}
    return to_event(str(test.event["kind"]), fields)


def tell_of(world: World, *rule_ids: str, at: str = MONDAY_IN_LESSON) -> None:
    """Let a device tell of what each of these rules of the pack is for, and see that each has an incident of it."""
    rules = {rule.id: rule for rule in load_policy_of(world.pack).rules}
    world.report(*(to_kind(find_example(rules[each])) for each in rule_ids), at=at)
    missing = set(rule_ids) - world.rules_that_fired()
    assert not missing, f"silent: {sorted(missing)}"


SCHOOL_WEEK = ("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27")


def show_escalations(world: World, clause: str, *, at: str) -> None:
    """See that what is of each rule of the pack that cites a clause about escalating gets worse within a school week.

    It is told once a day at a time of day, `10:50`, by a device of its own.
    """
    rules = {rule.id: rule for rule in load_policy_of(world.pack).rules if clause in rule.clauses}
    for day in SCHOOL_WEEK:
        world.report(
            *(to_kind(find_example(rule)) for rule in rules.values()), at=f"{day}T{at}", device="again-and-again"
        )
    told = {
        each.rule: each.severity for each in world.incidents() if each.escalated and each.hostname == "again-and-again"
    }
    assert told == {rule.id: rule.escalations[-1].severity for rule in rules.values()}


def fits(world: World, event: Kind, **moment: Iterable[str] | int | str | None) -> set[str]:
    """Return the rules that an event fits at a moment: `roles={"staff"}`, `years={"3"}`."""
    known = {key: frozenset(each) if isinstance(each, set) else each for key, each in moment.items()}
    return {match.rule.id for match in Evaluator(world.policy).match(event.kind, event, Moment(**known))}  # type: ignore[arg-type]


def sit_in_two_rooms(world: World, account: str = "directory:anna") -> None:
    """Let one personal account have sessions on two devices for longer than anybody walks between them.

    Devices tell of sessions only if the policy asks for it, so it must.
    """
    assert world.policy.find_reason("accounts"), "the policy does not ask who is signed in"
    devices = [world.device(name) for name in ("library-01", "library-02")]
    for number, device in enumerate(devices, start=1):
        device.wall_clock_ns = world.school.now_ns
        numbers_of(send(world.ingest, device.say(sign_in(account, number))))
    world.school.pass_time(GRACE_NS + SECOND_NS)
    note_seen(world.school.engine, [device.id for device in devices], world.school.now_ns)
    record_coincidences(world.school.engine, world.school.id, world.school.now_ns)
