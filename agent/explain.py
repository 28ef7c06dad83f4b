# SPDX-License-Identifier: Apache-2.0
"""Says exactly what this machine collects, from the same table of event kinds that the code uses.

`PRIVACY.md` has the same rows; a test holds both against `proto.events`.
"""

import time
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from agent.config import CHECKS
from agent.identity import Identity
from agent.keystore.names import STORES
from agent.limits import describe_limits, describe_pauses
from agent.policy import PolicyStore
from agent.preconditions import list_unmet_now, list_unmet_of_machine
from agent.readers import ReaderStore
from agent.system.interface import System
from proto.events import KINDS, Kind, Leaves
from proto.recipients import Recipient
from proto.wire import DeviceFacts, Hello
from rules.exceptions import KEYWORDS
from rules.model import Keywords
from rules.route import list_holders

NEVER = (
    "what is typed, but for a sentence with words of the lexicon, sealed to its readers while the keyboard is watched",
    "what is typed into fields for passwords, and into windows of counselling, health, banking and password managers",
    "what is on screen, in the clipboard or pasted, and when each key was pressed",
    "names of people, command lines, documents or web pages, but for the window of such a sentence, sealed with it",
    "accounts, but for that of such a sentence, sealed with it, and what the path of a program that a rule names shows",
    "who is signed in, but for references without a name if the policy asks; local administrators it does not list",
    "documents, pictures, what is on USB storage: neither name nor content; of downloads only the name of what can run",
    "whom programs talk to over the network, and what they say",
    "programs that no rule names, except by name in the software inventory if the policy asks for it",
    "where the machine is",
)


@dataclass(frozen=True, slots=True)
class ExplainedKind:
    """One kind of event."""

    kind: str
    what: str
    fields: tuple[str, ...]
    leaves: str
    now: str
    """Whether it can leave this machine under the policy in force."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether keyboards are watched for safeguarding keywords here, on what ground, and who reads what is found."""

    unmet: tuple[str, ...]
    """What keeps everybody from being watched at this moment; empty: members of the groups are watched."""
    groups: tuple[str, ...]
    dpia_reference: str
    dpia_review_date: str
    notice_version: str
    when: str
    where: str
    languages: tuple[str, ...]
    drafts: tuple[str, ...]
    """Phrases that are tried today: counted, and no text is kept."""
    protected: tuple[str, ...]
    """Windows that the school adds to those that are never read."""
    root_fingerprint: str
    """Hexadecimal; of the key that alone decides who reads. Empty: none is pinned."""
    readers_version: int
    readers: tuple[str, ...]
    """The reader's account at the console and his positions. Nothing is sealed to anybody else."""
    untested: tuple[str, ...]
    """Likewise; they have opened no test item, so nothing is sealed to them."""
    absent: tuple[str, ...]
    """Who is said to be away. When nobody of a position is there, the next one up reads as well."""
    recoveries: tuple[str, ...]
    """Routes with a recovery key, and the functions of whom two together can open it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is collected here."""

    school: str
    device: str
    keys: str
    """Where this machine's private keys live, in words."""
    policy: str
    policy_version: int
    inventory_reason: str
    checks: tuple[str, ...]
    kinds: tuple[ExplainedKind, ...]
    told_at_enrolment: tuple[str, ...]
    """What the machine says of itself when it enrols, or asks to be a device of its own."""
    told_at_connection: tuple[str, ...]
    """What it says whenever it connects."""
    limits: tuple[str, ...]
    """What the policy measures this machine against."""
    paused: tuple[str, ...]
    """What the policy switches off for a while, now or soon."""
    watching: Watching
    never: tuple[str, ...]
    not_watched: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        explained = {field.name: getattr(self, field.name) for field in fields(self)}
        explained["kinds"] = [asdict(each) for each in self.kinds]
        explained["watching"] = asdict(self.watching)
        return explained

    def to_text(self) -> str:
        """Return it as a page of plain text."""
        lines = [
            f"This machine is device {self.device} of {self.school}. Its private keys live in {self.keys}.",
            f"Policy in force: {self.policy}, version {self.policy_version}.",
            f"Checks: {', '.join(self.checks)}.",
            "",
            "What can leave this machine, to the school's own collector and nowhere else:",
        ]
        for each in self.kinds:
            lines += [f"  {each.kind}: {each.what}", f"      holds {', '.join(each.fields)}"]
            lines += [f"      leaves {each.leaves}; now: {each.now}"]
        lines += ["", f"Told once, when it enrols: {', '.join(self.told_at_enrolment)}."]
        lines += [f"Told whenever it connects: {', '.join(self.told_at_connection)}."]
        lines += ["", "What the policy asks of this machine:", *(f"  {each}" for each in self.limits)]
        if self.paused:
            lines += ["", "Switched off for a while; each ends by itself:", *(f"  {each}" for each in self.paused)]
        lines += ["", "Keyboards:", *(f"  {line}" for line in _describe(self.watching))]
        lines += ["", "Never collected:", *(f"  {each}" for each in self.never)]
        lines += ["", "Not seen on this machine:", *(f"  {each}" for each in self.not_watched)]
        return "\n".join(lines) + "\n"


def explain(identity: Identity, policy: PolicyStore, readers: ReaderStore, system: System) -> Explanation:
    """Return what is collected on this machine under the policy in force and by whom sealed flags are read."""
    in_force = policy.in_force
    return Explanation(
        school=identity.school_name,
        device=identity.device_id,
        keys=STORES[identity.keys.store],
        policy=in_force.policy.title if in_force else "none: only the agent's own state leaves",
        policy_version=policy.version,
        inventory_reason=in_force.policy.inventory.reason if in_force else "",
        checks=CHECKS,
        kinds=tuple(_explain_kind(cls, policy) for cls in KINDS.values()),
        told_at_enrolment=tuple(DeviceFacts.DESCRIPTOR.fields_by_name),
        told_at_connection=tuple(Hello.DESCRIPTOR.fields_by_name),
        limits=describe_limits(in_force.policy.settings) if in_force else (),
        paused=describe_pauses(policy.pauses, time.time_ns()),
        watching=_explain_watching(policy, readers, system),
        never=NEVER,
        not_watched=system.not_watched(),
    )


def _explain_watching(policy: PolicyStore, readers: ReaderStore, system: System) -> Watching:
    keywords = policy.in_force.policy.keywords if policy.in_force else Keywords()
    now, pause = datetime.now().astimezone(), policy.find_pause(KEYWORDS)
    today = now.date()
    in_force = readers.in_force
    people = in_force.recipients.recipients if in_force else ()
    recoveries = in_force.recipients.recoveries if in_force else ()
    holders = {each.id for each in list_holders(in_force.recipients)} if in_force else set()
    made_at_ns = policy.in_force.policy.made_at_ns if policy.in_force else 0
    return Watching(
        unmet=(
            *list_unmet_of_machine(readers, keywords, today, policy_made_at_ns=made_at_ns),
            *list_unmet_now(keywords, now, system.list_addresses()),
            *((f"the policy pauses it until {pause.pause.last:%Y-%m-%d %H:%M}",) if pause else ()),
        ),
        groups=(*keywords.watch_groups, *(keywords.staff_groups if keywords.staff_reference else ())),
        dpia_reference=keywords.dpia_reference,
        dpia_review_date=keywords.dpia_review_date,
        notice_version=keywords.notice_version,
        when=_say_when(keywords),
        where=_say_where(keywords),
        languages=keywords.languages,
        drafts=tuple(f"{each.id}, until {each.last}" for each in keywords.drafts if each.first <= today <= each.last),
        protected=keywords.protected,
        root_fingerprint=readers.root_fingerprint.hex(),
        readers_version=readers.version,
        readers=tuple(_say_who(each) for each in people if each.id in holders),
        untested=tuple(_say_who(each) for each in people if each.id not in holders),
        absent=tuple(sorted(in_force.absent)) if in_force else (),
        recoveries=tuple(f"{each.route}: two of {', '.join(each.holders)}" for each in recoveries),
    )


def _say_who(person: Recipient) -> str:
    return f"{person.id}: {', '.join(person.positions)}"


def _say_when(keywords: Keywords) -> str:
    if keywords.out_of_hours_reference.strip():
        return f"at any time, on the ground of {keywords.out_of_hours_reference}"
    return f"{', '.join(keywords.days)}, {keywords.hours}"


def _say_where(keywords: Keywords) -> str:
    if keywords.away_reference.strip():
        return f"on any network, on the ground of {keywords.away_reference}"
    return f"on {', '.join(keywords.networks)}" if keywords.networks else "nowhere: the policy names no network"


def _describe(watching: Watching) -> list[str]:
    """Return in words whether keyboards are watched here, and who reads."""
    root = watching.root_fingerprint or "none is pinned"
    lines = [f"The key that decides who may read (safeguarding root): {root}"]
    for title, people in (
        (f"Readers, set {watching.readers_version}; nobody reads a flag that may be about himself:", watching.readers),
        ("In the set, and readers only once they have opened a test item:", watching.untested),
        ("Said to be away; while nobody of a position is there, the next one up reads as well:", watching.absent),
        ("Spare keys, which two of their holders together can use, by the route of a flag:", watching.recoveries),
    ):
        lines += [title, *(f"  {each}" for each in people)] if people else []
    if watching.unmet:
        lines += ["Nobody is watched now, because:", *(f"  {each}" for each in watching.unmet)]
    if not watching.groups:
        return lines
    watched = "Otherwise watched" if watching.unmet else "Watched"
    return [
        *lines,
        f"{watched}, with a sign in sight and after notice {watching.notice_version} was accepted, are members of:",
        *(f"  {each}" for each in watching.groups),
        f"On the ground of {watching.dpia_reference}, to be reviewed by {watching.dpia_review_date}",
        f"When: {watching.when}",
        f"Where: {watching.where}",
        f"Languages: {', '.join(watching.languages)}",
        f"Never read, beside the agent's own list: {', '.join(watching.protected) or 'no more windows'}",
        "Read: what is typed in X11 windows, in memory only, wiped when another window is entered",
        "Kept: a sentence with words of the lexicon, sealed on this machine before it is written anywhere",
        *(
            f"Counted: how often the draft {draft} fits; no text is kept, those who read flags are told once a day"
            for draft in watching.drafts
        ),
    ]


def _explain_kind(cls: type[Kind], policy: PolicyStore) -> ExplainedKind:
    return ExplainedKind(
        kind=cls.kind,
        what=(cls.__doc__ or "").strip().splitlines()[0],
        fields=tuple(field.name for field in fields(cls)),  # type: ignore[arg-type]
        leaves=cls.leaves.value,
        now=_now(cls, policy),
    )


def _now(cls: type[Kind], policy: PolicyStore) -> str:
    if cls.leaves is Leaves.ALWAYS:
        return "yes"
    in_force = policy.in_force
    if in_force is None:
        return "no, there is no policy"
    if cls.leaves is Leaves.SEALED:
        is_on = in_force.policy.keywords.enabled
        return "yes, while the keyboard is watched" if is_on else "no, the policy does not switch keywords on"
    if cls.leaves is Leaves.ON_MATCH:
        rules = in_force.policy.rules
        count = sum(cls.kind in rule.kinds for rule in rules)
        ends = sum(rule.cleared is not None and cls.kind in rule.cleared.kinds for rule in rules)
        ways = [f"one of {count} rules matches it"] * bool(count) + [f"it puts right what {ends} found"] * bool(ends)
        return f"yes, if {' or '.join(ways)}" if ways else "no, no rule asks for it"
    reason = in_force.policy.find_reason(cls.asked_in)
    return f"yes: {reason}" if reason else "no, the policy does not ask for it"
