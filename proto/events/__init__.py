# SPDX-License-Identifier: Apache-2.0
"""What a device can say: the header of an event and one frozen dataclass for each kind, by subject.

It holds no protobuf; `proto.wire` turns these into bytes, by field name. A kind says of itself when it may leave the
device (`leaves`), and `PRIVACY.md` has a row for each: a test compares the two.
"""

from proto.events.accounts import AccountSignedIn, AccountSignedOut, SessionLeftOpen
from proto.events.agent import (
    AgentRekeyed,
    AgentStarted,
    AgentStopped,
    AgentThrottled,
    ChainRestarted,
    CheckChanged,
    CheckCrashed,
    ClockStepped,
    EventsDropped,
    PolicyApplied,
    PolicyRefused,
)
from proto.events.files import FileArrived, MediaCounted
from proto.events.header import Audience, Header, Kind, Leaves, Missing, Payload, State, Tier
from proto.events.machine import Disk, HardwareListed, PostureFound, TrafficSustained
from proto.events.programs import (
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramRemoved,
    ProgramStarted,
    SoftwareListed,
)
from proto.events.safeguarding import FlagRaised, NoticeAccepted, RecipientsApplied, RecipientsRefused
from proto.events.usb import UsbAttached, UsbChanged, UsbDevice, UsbWritten

__all__ = [
    "KINDS",
    "AccountSignedIn",
    "AccountSignedOut",
    "AgentRekeyed",
    "AgentStarted",
    "AgentStopped",
    "AgentThrottled",
    "Audience",
    "ChainRestarted",
    "CheckChanged",
    "CheckCrashed",
    "ClockStepped",
    "Disk",
    "EventsDropped",
    "FileArrived",
    "FlagRaised",
    "HardwareListed",
    "Header",
    "Kind",
    "Leaves",
    "MediaCounted",
    "Missing",
    "NoticeAccepted",
    "Payload",
    "PolicyApplied",
    "PolicyRefused",
    "PostureFound",
    "Program",
    "ProgramFound",
    "ProgramInstalled",
    "ProgramRemoved",
    "ProgramStarted",
    "RecipientsApplied",
    "RecipientsRefused",
    "SessionLeftOpen",
    "SoftwareListed",
    "State",
    "Tier",
    "TrafficSustained",
    "UsbAttached",
    "UsbChanged",
    "UsbDevice",
    "UsbWritten",
]

KINDS: dict[str, type[Kind]] = {
    each.kind: each
    for each in (
        AccountSignedIn,
        AccountSignedOut,
        AgentRekeyed,
        AgentStarted,
        AgentStopped,
        AgentThrottled,
        ChainRestarted,
        CheckChanged,
        CheckCrashed,
        ClockStepped,
        EventsDropped,
        FileArrived,
        FlagRaised,
        HardwareListed,
        MediaCounted,
        NoticeAccepted,
        PolicyApplied,
        PolicyRefused,
        PostureFound,
        ProgramFound,
        ProgramInstalled,
        ProgramRemoved,
        ProgramStarted,
        RecipientsApplied,
        RecipientsRefused,
        SessionLeftOpen,
        SoftwareListed,
        TrafficSustained,
        UsbAttached,
        UsbChanged,
        UsbWritten,
    )
}
"""Every kind of event, by name."""
