# SPDX-License-Identifier: Apache-2.0
"""One event of every kind, with a value in every field. The vectors rest on these: add to them, never change them."""

from proto.events import (
    AccountSignedIn,
    AccountSignedOut,
    AgentStarted,
    AgentStopped,
    AgentThrottled,
    ChainRestarted,
    CheckChanged,
    CheckCrashed,
    Disk,
    EventsDropped,
    FileArrived,
    FlagRaised,
    HardwareListed,
    Kind,
    MediaCounted,
    NoticeAccepted,
    PolicyApplied,
    PolicyRefused,
    PostureFound,
    Program,
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
    UsbDevice,
    UsbWritten,
)

TOR = Program(name="tor", path="/usr/bin/tor", sha256="5a" * 32, source="process", version="0.4.8.16-1")
NMAP = Program(name="nmap", path="/usr/bin/nmap", sha256="c3" * 32, source="dpkg", version="7.93+dfsg1-1")
JOHN = Program(
    name="john",
    path="/home/pupil/Downloads/notes.pdf",
    sha256="77" * 32,
    source="file",
    version="1.9.0",
    build_id="ab" * 20,
    sketch="1:" + "c0ffee00" * 8,
)
STICK = UsbDevice(
    vendor_id="0781",
    product_id="5581",
    vendor="SanDisk",
    product="Ultra",
    serial="4c530001",
    form="disk",
    driver="usb-storage",
    protection="partly",
    protection_by="luks2",
    is_unlocked=True,
    is_mounted=True,
    is_approved=True,
    size_bytes=31_457_280_000,
    volumes=2,
)

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
        AccountSignedIn(
            account_ref=bytes(range(16)),
            session_ref=bytes(range(8)),
            account_kind="personal",
            is_local=True,
            session_type="x11",
            others=1,
        ),
        AccountSignedOut(account_ref=bytes(range(16)), session_ref=bytes(range(8))),
        FileArrived(
            name="setup.exe",
            place="downloads",
            format="zip",
            contains="executable",
            is_executable=True,
            size_bytes=2**40,
            sha256="0f" * 32,
        ),
        HardwareListed(
            manufacturer="LENOVO",
            product="20N2CTO1WW",
            serial="PF1ABCDE",
            firmware="N2IET94W (1.72), 08/23/2021",
            processor="Intel(R) Core(TM) i5-8265U CPU @ 1.60GHz",
            cores=4,
            memory_bytes=16_637_857_792,
            disks=(Disk(model="SAMSUNG MZVLB256", serial="S4GENX0N", size_bytes=256_060_514_304, technology="ssd"),),
        ),
        MediaCounted(
            audio_files=812,
            audio_bytes=4_100_000_000,
            video_files=31,
            video_bytes=22_000_000_000,
            picture_files=90,
            picture_bytes=300_000_000,
        ),
        PostureFound(
            item="updates",
            state="fail",
            summary="3 security updates wait for more than 14 days.",
            facts={"waiting": "3", "oldest_days": "31"},
        ),
        ProgramRemoved(program=JOHN),
        SessionLeftOpen(
            session_type="x11", desktop="XFCE", limit_s=900, idle_s=1260, measured_by="logind", is_over=True
        ),
        TrafficSustained(
            program_name="transmission-gtk",
            received_bytes=900_000_000,
            sent_bytes=1_400_000_000,
            duration_s=300,
            mean_mbit_s=61.25,
        ),
        UsbAttached(device=STICK, was_there=True),
        UsbChanged(device=STICK),
        UsbWritten(device=STICK, written_bytes=1_048_576),
    )
}

WITH_LATER_FIELDS = (JOHN, AgentThrottled(level="slow", cpu_percent=1.25, memory_mb=48.5, check="downloads"))
ADDED_LATER = {"AgentThrottled": {"check"}, "Program": {"build_id", "sketch"}}
"""Fields that events of before do not have: no vector of an older sample speaks of them."""
