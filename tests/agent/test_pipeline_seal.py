# SPDX-License-Identifier: Apache-2.0
"""Tests of step 4 of the data path: from a hit of a check to a sealed flag in the queue, also when sealing fails."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.pipeline import UNSEALED_AT_MOST, UNSEALED_PAUSE_S
from agent.recorder import Record
from agent.spool import RANK_SAFEGUARDING
from proto.events import AgentStopped, Audience, CheckCrashed, FlagRaised, NoticeAccepted, Tier
from proto.wire import decode_header
from tests.agent.collector import KEYWORDS, open_as_collector, rule_files
from tests.agent.piping import COLLECTOR, IDENTITY, Piping
from tests.agent.safeguarding import make_hit, make_safeguarding, open_as, readers_of
from tests.agent.spooled import peek_all


@pytest.fixture
def piping(tmp_path: Path) -> Iterator[Piping]:
    """A data path whose policy has keyboards watched, without readers yet."""
    piping = Piping(tmp_path, policy=False)
    piping.policy.accept(COLLECTOR.publish(7, rule_files(keywords=KEYWORDS)))
    yield piping
    piping.spool.close()


def test_a_hit_becomes_a_flag_with_its_header(piping: Piping) -> None:
    """Tier and route stand in the signed header, everything else is sealed; the collector can open the envelope."""
    piping.readers.accept(make_safeguarding(1))
    piping.step(make_hit("mrs dale hurts me"))
    (flag,) = piping.told(FlagRaised.kind)
    (event,) = (event for event in peek_all(piping.spool) if event.kind == FlagRaised.kind)
    header = decode_header(event.header)

    assert (header.audience, header.severity, header.tier) == (Audience.SAFEGUARDING, 0, Tier.CALL)
    assert (header.route, header.drill, header.bundle_version) == ("head", False, 7)
    assert readers_of(flag.sealed) == {"hilda", "recovery head"}
    open_as_collector(IDENTITY, peek_all(piping.spool))


def test_nothing_of_a_hit_is_in_the_queue_or_the_log(piping: Piping, caplog: pytest.LogCaptureFixture) -> None:
    """Neither sealed nor while it waits to be sealed."""
    caplog.set_level(logging.DEBUG)
    piping.step(make_hit("a very private sentence"))
    piping.readers.accept(make_safeguarding(1))
    piping.step(advance_s=UNSEALED_PAUSE_S)
    everything = b"".join(event.header + event.payload.body for event in peek_all(piping.spool))

    assert piping.told(FlagRaised.kind)
    for secret in ("private", "pupil7", "suicide", "gedit"):
        assert secret.encode() not in everything
        assert secret not in caplog.text


def test_a_drill_is_marked_in_the_header(piping: Piping) -> None:
    """Only a hit with the number of an order is one."""
    piping.readers.accept(make_safeguarding(1))
    piping.step(make_hit("one"), make_hit("two", nonce=bytes(range(16))))
    headers = [decode_header(event.header) for event in peek_all(piping.spool) if event.kind == FlagRaised.kind]

    assert [header.drill for header in headers] == [False, True]
    assert [flag.drill_nonce for flag in piping.told(FlagRaised.kind)] == [b"", bytes(range(16))]


def test_flags_are_not_throttled_here(piping: Piping) -> None:
    """The same sentence twice is two flags; where it is found each account has its limit."""
    piping.readers.accept(make_safeguarding(1))
    piping.step(*(make_hit("help") for _ in range(150)))

    assert len(piping.told(FlagRaised.kind)) == 150


def test_with_keywords_switched_off_nothing_leaves(piping: Piping) -> None:
    """The gate holds for flags as well."""
    piping.readers.accept(make_safeguarding(1))
    piping.policy.accept(COLLECTOR.publish(8, rule_files()))
    piping.step(make_hit())

    assert piping.told(FlagRaised.kind) == []
    piping.minute()
    assert piping.counts()["flag.raised", "switched_off"] == 1


def test_what_cannot_be_sealed_is_told_kept_and_sealed_later(piping: Piping) -> None:
    """No flag leaves empty instead; other events go on."""
    piping.step(make_hit("one"), AgentStopped("go on"), make_hit("two"))
    assert piping.told(FlagRaised.kind) == []
    assert CheckCrashed("keywords", "SealError") in piping.told()
    assert AgentStopped("go on") in piping.told()
    piping.readers.accept(make_safeguarding(1))
    piping.step()
    assert piping.told(FlagRaised.kind) == []
    piping.step(advance_s=UNSEALED_PAUSE_S)
    contents = [open_as("dana", flag.sealed) for flag in piping.told(FlagRaised.kind)]

    assert [content.sentence for content in contents if content] == ["one", "two"]
    piping.step(advance_s=UNSEALED_PAUSE_S)
    assert len(piping.told(FlagRaised.kind)) == 2


def test_what_waits_to_be_sealed_is_tried_once_more_at_the_end(piping: Piping) -> None:
    """When the agent stops, waiting has no more point."""
    piping.step(make_hit("one"))
    piping.readers.accept(make_safeguarding(1))
    piping.pipeline.stop("SIGTERM")
    piping.pipeline.run()

    assert len(piping.told(FlagRaised.kind)) == 1


def test_what_is_found_at_the_end_is_sealed(piping: Piping) -> None:
    """What the checks have under way when the agent stops goes the whole way, and then the agent says that it ends."""
    piping.readers.accept(make_safeguarding(1))
    piping.check.last = [make_hit("one"), make_hit("two")]
    piping.pipeline.stop("SIGTERM")
    piping.pipeline.run()

    contents = [open_as("dana", flag.sealed) for flag in piping.told(FlagRaised.kind)]
    assert [content.sentence for content in contents if content] == ["one", "two"]
    assert piping.told()[-1] == AgentStopped("SIGTERM")
    assert piping.check.is_closed


def test_what_cannot_be_sealed_at_the_end_is_counted(piping: Piping) -> None:
    """It was never written, so it is lost; that it was there is known."""
    piping.step(make_hit("one"))
    piping.check.last = [make_hit("two")]
    piping.pipeline.stop("SIGTERM")
    piping.pipeline.run()

    assert piping.told(FlagRaised.kind) == []
    assert piping.counts()["flag.raised", "unsealed"] == 2


def test_a_check_that_crashes_at_the_end_stops_nobody(piping: Piping) -> None:
    """What it yielded before is sealed, that it crashed is told, and it is closed."""
    piping.readers.accept(make_safeguarding(1))
    piping.step()
    piping.check.last, piping.check.error = [make_hit("one")], OSError("secret")
    piping.pipeline.stop("SIGTERM")
    piping.pipeline.run()

    assert len(piping.told(FlagRaised.kind)) == 1
    assert CheckCrashed("one", "OSError") in piping.told()
    assert piping.check.is_closed


def test_what_waits_has_a_limit_and_the_urgent_stays(piping: Piping) -> None:
    """What had to go is counted."""
    piping.step(make_hit("urgent"), *(make_hit("x", tier=Tier.COUNT) for _ in range(UNSEALED_AT_MOST + 4)))
    piping.readers.accept(make_safeguarding(1))
    piping.minute()
    flags = piping.told(FlagRaised.kind)

    assert len(flags) == UNSEALED_AT_MOST
    assert any(content.sentence == "urgent" for content in (open_as("dana", flag.sealed) for flag in flags) if content)
    piping.minute()
    assert piping.counts()["flag.raised", "unsealed"] == 5


def test_the_most_urgent_goes_last() -> None:
    """When there is no room: first by severity, then safeguarding by its tier."""
    flag = FlagRaised(sealed=b"", subject_ref=b"", recipients_version=1)
    records = [
        Record(AgentStopped(""), 5),
        Record(NoticeAccepted(b"", "1"), 1),
        *(Record(flag, 0, tier, "dsl") for tier in (Tier.COUNT, Tier.REVIEW, Tier.ALERT, Tier.CALL)),
    ]

    assert [record.rank for record in records] == sorted(record.rank for record in records)
    assert records[1].rank >= RANK_SAFEGUARDING > records[0].rank
