# SPDX-License-Identifier: Apache-2.0
"""One event of every kind, with a value in every field. The vectors rest on these: add to them, never change them."""

from proto.events import (
    AgentStarted,
    AgentStopped,
    AgentThrottled,
    ChainRestarted,
    CheckChanged,
    CheckCrashed,
    EventsDropped,
    FlagRaised,
    Kind,
    NoticeAccepted,
    PolicyApplied,
    PolicyRefused,
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramStarted,
    RecipientsApplied,
    RecipientsRefused,
    SoftwareListed,
)

TOR = Program(name="tor", path="/usr/bin/tor", sha256="5a" * 32, source="process", version="0.4.8.16-1")
NMAP = Program(name="nmap", path="/usr/bin/nmap", sha256="c3" * 32, source="dpkg", version="7.93+dfsg1-1")

SAMPLES: dict[str, Kind] = {
    sample.kind: sample
    for sample in (
        AgentStarted(
            agent_version="0.1.0",
            hostname="library-01",
            os="linux",
            os_version="Debian GNU/Linux 12 (bookworm)",
            architecture="x86_64",
            checks=("software",),
            not_watched=("Programs that start and end within a second may be missed.", "Bibliothèque, β, 図書館, 🏫"),
        ),
        AgentStopped(reason="SIGTERM"),
        AgentThrottled(level="slow", cpu_percent=1.25, memory_mb=48.5),
        ChainRestarted(reason="the queue was damaged", previous_epoch=3),
        CheckChanged(
            check="software",
            state="fail",
            summary="Programs that the policy names are here; running: Tor.",
            facts={"running": "Tor", "running_count": "1"},
            first_failed_at_ns=1_788_000_000_123_456_789,
        ),
        CheckCrashed(check="software", error="PermissionError"),
        EventsDropped(dropped_kind="program.started", reason="flood", count=2**63 + 5),
        PolicyApplied(bundle_version=8, bundle_sha256="0d" * 32),
        PolicyRefused(bundle_version=2**64 - 1, reason="the signature does not verify"),
        ProgramFound(program=NMAP),
        ProgramInstalled(program=NMAP),
        ProgramStarted(program=TOR, already_running=True),
        SoftwareListed(programs=(NMAP, TOR), first=True),
        FlagRaised(
            sealed=b"age-encryption.org/v1\n-> X25519 ...\n" + bytes(range(256)),
            subject_ref=bytes(range(16)),
            recipients_version=3,
            drill_nonce=bytes(range(16, 32)),
        ),
        NoticeAccepted(subject_ref=bytes(range(16)), notice_version="2026-09"),
        RecipientsApplied(recipients_version=3, recipients_sha256="1e" * 32, root_fingerprint="7b" * 32),
        RecipientsRefused(recipients_version=4, reason="another safeguarding root than this device pinned"),
    )
}
