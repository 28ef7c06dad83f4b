# SPDX-License-Identifier: Apache-2.0
"""What a policy is: frozen values, nothing else. `load` makes them from TOML, `evaluate` applies them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from proto.events import Audience
from rules.arrangements import Arrangements
from rules.responses import Response
from rules.settings import Accounts, Hardware, Settings


class ActionClass(StrEnum):
    """How a school's policy classes an action: the five classes of clause BX-01; HZ-08 has three of them."""

    ACCEPTABLE = "acceptable"
    CERTAIN_TIMES = "certain_times"
    NOMINATED_USERS = "nominated_users"
    UNACCEPTABLE = "unacceptable"
    ILLEGAL = "illegal"


class Operator(StrEnum):
    """How a condition compares a field of an event."""

    EQUALS = "equals"
    ONE_OF = "one_of"
    GLOB = "glob"
    AT_LEAST = "at_least"


class Expectation(StrEnum):
    """What a test inside a rule file says must happen."""

    MATCH = "match"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramPattern:
    """How one program is recognised: any one of these is enough."""

    name: str
    """The program's name for people: `Tor Browser`."""
    executables: tuple[str, ...] = ()
    """Basenames, compared without case and without a trailing `.exe`; `*` and `?` are wildcards."""
    packages: tuple[str, ...] = ()
    """Names of packages of Debian's (dpkg) or Red Hat's kind (rpm); wildcards allowed."""
    flatpaks: tuple[str, ...] = ()
    """Flatpak application ids."""
    snaps: tuple[str, ...] = ()
    """Snap names."""
    python_packages: tuple[str, ...] = ()
    """Names on the Python Package Index, installed for a machine or a person by pip or pipx."""
    node_packages: tuple[str, ...] = ()
    """Names of Node packages that are installed for all: `name` or `@scope/name`."""
    extensions: tuple[str, ...] = ()
    """Ids of browser extensions, never titles."""
    paths: tuple[str, ...] = ()
    """Wildcards over the absolute path, without case: `*/tor-browser/*`."""
    sha256: tuple[str, ...] = ()
    """Hex digests of the executable's content."""
    build_ids: tuple[str, ...] = ()
    """Hex; what the linker wrote into the executable. It says which build this is: anybody can take it out, or put
    another's in, so one that fits is evidence and one that is missing is nothing."""
    sketches: tuple[str, ...] = ()
    """What `likeness` makes of the executable's texts: it fits other versions and changed copies too."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One field of an event compared with one or several values."""

    field: str
    """Dotted: `state`, `program.source`."""
    operator: Operator
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """`[rule.times]`: when a rule counts. Kinds of periods, or school_hours, out_of_hours, closed (no school day)."""

    during: tuple[str, ...] = ()
    """Only then; empty: always."""
    except_during: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    """Only while one of these is on; empty: always."""
    except_profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """`[rule.who]`: before whom and where a rule counts. Empty: before anybody, anywhere.

    Several people can have a session: a rule for some counts when one of them has, one except for some counts unless
    all of them are such.
    """

    roles: tuple[str, ...] = ()
    """pupil, staff, supply, guest."""
    years: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    """personal, shared, guest, administrator."""
    devices: tuple[str, ...] = ()
    """Names of groups of devices."""
    except_roles: tuple[str, ...] = ()
    except_years: tuple[str, ...] = ()
    except_accounts: tuple[str, ...] = ()
    except_devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """`[rule.cleared]`: what ends the grace of a rule before it is an incident, on the same device."""

    kinds: tuple[str, ...]
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One of `[[rule.escalate]]`: what becomes of an incident that comes again and again."""

    after: int
    """Times it was seen."""
    within_s: int
    severity: int
    """At least this from then on."""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A test that travels inside the rule file."""

    name: str
    expect: Expectation
    event: dict[str, object]
    """`kind` and the event's fields."""
    approved: tuple[str, ...] = ()
    """The allow list during this test."""
    at: str = ""
    """Local time of the event, `2026-11-23T10:30`; empty: not known."""
    who: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`roles`, `years`, `accounts` and `devices` (names of groups) during this test; one that is not named is not
    known."""
    times: int = 1
    """How often it happens..."""
    every_s: int = 0
    """...and how long apart, on a clock that stands still otherwise."""
    on_devices: int = 1
    """On so many devices, in turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. It matches an event of one of its kinds if a program pattern fits (when it has any) and every
    condition holds (when it has any)."""

    id: str
    title: str
    why: str
    """For the person who asks why this exists."""
    action_class: ActionClass
    severity: int
    """1 (information) to 5 (act now)."""
    kinds: tuple[str, ...]
    audience: Audience = Audience.SECURITY
    clauses: tuple[str, ...] = ()
    """Ids of the policy clauses that this rule carries out."""
    attack: tuple[str, ...] = ()
    """MITRE ATT&CK technique ids."""
    advice: str = ""
    """What to do first."""
    programs: tuple[ProgramPattern, ...] = ()
    when: tuple[Condition, ...] = ()
    unless_approved: bool = False
    """Silent for a program that is on the school's allow list. A forbidden program never asks for this."""
    response: str = ""
    """Id of the `Response` that the school's policy names for it."""
    times: Times = Times()
    who: Who = Who()
    threshold: int = 1
    """Opens an incident when it fitted so often about the same thing on one device, within the window."""
    least_devices: int = 1
    """Opens one incident for the school when it fitted about the same thing on so many devices within the window."""
    window_s: int = 0
    grace_s: int = 0
    """Opens an incident only if nothing cleared it for so long."""
    cleared: Clearing | None = None
    escalations: tuple[Escalation, ...] = ()
    tests: tuple[RuleTest, ...] = ()
    file: str = ""
    """The file it came from."""
    changed_in: tuple[str, ...] = ()
    """The files of packs and of the school that changed it since."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Whether devices send the list of installed software, and on what ground."""

    ask: bool = False
    reason: str = ""
    """Required when asked; shown by `schoolwarden-agent explain`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordDraft:
    """One of `[[keywords.draft]]`: phrases that devices count for a while, see `rules.drafts`."""

    id: str
    why: str
    texts: tuple[str, ...]
    first: date
    last: date
    """Included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keywords:
    """Whether and on what ground the keyboard is watched for safeguarding keywords. Floors in the agent's code hold
    whatever stands here: notice, sign, protected contexts, sealing and the recipients' signature."""

    enabled: bool = False
    dpia_reference: str = ""
    """Where the data protection impact assessment is."""
    dpia_review_date: str = ""
    """ISO date; past it, nobody is watched until somebody reviewed it."""
    notice_version: str = ""
    """Accepted anew when it changes."""
    notice_title: str = ""
    notice_text: str = ""
    """What is said at sign-in; paragraphs are apart by an empty line."""
    languages: tuple[str, ...] = ("en",)
    watch_groups: tuple[str, ...] = ()
    """Groups of the operating system or directory whose members are watched: pupils."""
    staff_groups: tuple[str, ...] = ()
    staff_reference: str = ""
    """Members of `staff_groups` are watched only with this reference of its own."""
    protected: tuple[str, ...] = ()
    """Windows that are never read, beside those of the agent's own list; `*` and `?` are wildcards."""
    days: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri")
    hours: str = "07:00-18:00"
    """Local time of the device."""
    out_of_hours_reference: str = ""
    """On what ground the keyboard is watched at any time; empty: at these days and hours only."""
    networks: tuple[str, ...] = ()
    """The school's networks (CIDR). A policy that names none needs an `away_reference`."""
    away_reference: str = ""
    """On what ground the keyboard is watched on any network; empty: on these only."""
    drafts: tuple[KeywordDraft, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that is in force at a school."""

    pack: str
    title: str
    rules: tuple[Rule, ...]
    parents: tuple[str, ...] = ()
    """The packs that it extends, the nearest first."""
    clauses: str = ""
    """The letters of the policy whose clauses its rules cite: `BX`; empty: any."""
    inventory: Inventory = field(default_factory=Inventory)
    keywords: Keywords = field(default_factory=Keywords)
    settings: Settings = field(default_factory=Settings)
    arrangements: Arrangements = field(default_factory=Arrangements)
    responses: tuple[Response, ...] = ()
    approved: frozenset[str] = frozenset()
    """The allow list: names of packages and programs, in lower case."""
    version: int = 0
    """Version of the bundle it came in; 0 for a policy that was never published."""
    made_at_ns: int = 0
    """When that bundle was signed."""

    def find_reason(self, table: str) -> str:
        """Return why `inventory`, `hardware` or `accounts` asks devices to send something; empty if it does not ask."""
        tables: dict[str, Inventory | Hardware | Accounts] = {
            "inventory": self.inventory,
            "hardware": self.settings.hardware,
            "accounts": self.settings.accounts,
        }
        return tables[table].reason if tables[table].ask else ""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule fits an event."""

    rule: Rule
    program: str = ""
    """`ProgramPattern.name` of the pattern that fitted; empty for a rule without patterns."""
    matched_by: str = ""
    """One of the words in `evaluate.MATCHED_BY`; empty for a rule without patterns."""
