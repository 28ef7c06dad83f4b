# SPDX-License-Identifier: Apache-2.0
"""A pupil writes a sentence; the designated safeguarding lead reads it in her browser; it is to be found nowhere else.

Searched are the database with its key, the collector's folder (which is what a backup copies), the folder of a machine
without a collector and its queue with the key, all logs, the memory of the collector's processes, the recorded traffic
and the browser's profile: for the sentence, the account, the rule and the category as they stand inside the flag, in
every spelling of `tests.haystack`. In each of them the same search finds the school's name, which was planted there.

The category as a bare word is not searched for: the console offers all categories as a choice for verdicts. Nor is the
account in the register of people: this pupil is not in it, for there it would stand by right.
"""

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from agent.config import Config
from agent.identity import IdentityFolder
from agent.spool import Spool
from collector.store.engine import reading
from collector.store.schema import metadata
from tests.desk import UID, USER
from tests.haystack import list_family, read_folder, read_memory, search, spell
from tests.path import RunningCollector, wait_for
from tests.safeguarded import SCHOOL
from tests.watched import Watched, browser, unlock_as

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
"""Of Linux; the socket module does not name them in every version that we run on."""

SENTENCE = "zarquon knows i am going to kill myself in quibbleton"
OFFLINE = "mumblethorpe saw i am going to kill myself by zanzibar"


@pytest.mark.desktop
@pytest.mark.skipif(os.geteuid() != 0, reason="the memory of other processes and the loopback are read as root only")
@pytest.mark.timeout(300)
def test_the_sentence_is_in_the_readers_eye_and_nowhere_else(watched: Watched, tmp_path: Path) -> None:
    """Every haystack holds the control and none of the needles."""
    collector, agent, desk, readers = watched.collector, watched.agent, watched.desk, watched.readers
    desk.set_layout("us")
    there = len(readers.list_flags())
    haystacks: dict[str, Iterable[bytes]] = {}
    with recorded(tmp_path / "traffic"):
        desk.type(SENTENCE + ". ")
        flag = readers.wait_for_flags(there + 1, collector, agent)[-1]
        content = readers.read(flag, "dana")
        with browser(tmp_path / "profile") as page:
            unlock_as(page, collector, readers.people["dana"])
            page.get_by_role("link", name="Open:").first.click()
            expect(page.locator("blockquote")).to_contain_text(SENTENCE)
            # While it is on her screen.
            memory = [piece for pid in list_family(collector.pid) for piece in read_memory(pid)]
            page.evaluate("(name) => localStorage.setItem('control', name)", SCHOOL)
    # What stands in the clear by right, as the device's id does in an account's, is no needle: those are not cut up.
    needles = {content.account, content.rule, f'"category":"{content.category}"', USER}
    assert content.sentence.startswith(SENTENCE)
    assert str(UID) in content.account
    haystacks["memory"] = memory
    haystacks["traffic"] = [(tmp_path / "traffic").read_bytes()]
    haystacks["profile"] = read_folder(tmp_path / "profile")
    haystacks["machine"] = list(type_offline(watched))
    haystacks["database"] = read_database(collector)
    haystacks["folder"] = read_folder(collector.folder)
    haystacks["logs"] = [path.read_bytes() for path in collector.folder.parent.glob("*.log")] + [
        path.read_bytes() for path in collector.folder.parent.glob("*.out")
    ]
    forms = {form: needle for needle in needles for form in spell(needle)}
    forms |= {form: text for text in (SENTENCE, OFFLINE) for form in spell(text, in_pieces=True)}
    controls = spell(SCHOOL, in_pieces=True)
    for name, haystack in haystacks.items():
        found = search([*forms, *controls], haystack)
        assert found & controls, f"the control was not found: {name}"
        assert not {(forms[form], form) for form in found - controls}, name


def type_offline(watched: Watched) -> Iterator[bytes]:
    """Have a flag wait on the machine without a collector; yield its folder, and its queue with the key."""
    collector, agent = watched.collector, watched.agent
    collector.stop()
    before = agent.status()["waiting_events"]
    watched.desk.type(OFFLINE + ". ")
    wait_for(lambda: agent.status()["waiting_events"] > before, "the flag to wait in the queue", agent)
    agent.stop()
    config = Config(agent.folder)
    yield from read_folder(agent.folder)
    identity = IdentityFolder(agent.folder).load()
    spool = Spool(config.spool_file, identity.spool_key)
    waiting = spool.peek(0, max_events=1000, max_bytes=1 << 30)
    assert "flag.raised" in {event.kind for event in waiting}
    for event in waiting:
        yield event.header + event.payload.body
    spool.close()
    collector.start()
    agent.start()
    watched.desk.accept_notice_if_asked()
    agent.wait_until_sent()


def read_database(collector: RunningCollector) -> Iterator[bytes]:
    """Yield every value of every table, as somebody with the key reads them."""
    with reading(collector.engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for value in row:
                    yield (bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()) + b"\n"


@contextmanager
def recorded(path: Path) -> Iterator[None]:
    """Record all that goes over this machine's loopback, where everything of ours goes."""
    ended = threading.Event()
    # Every frame, both ways; the kernel hands it out to root alone.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(ETH_P_ALL)) as frames, path.open("wb") as file:
        frames.bind(("lo", 0))
        frames.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * 1024 * 1024)
        frames.settimeout(0.2)

        def record() -> None:
            while not ended.is_set():
                with suppress(TimeoutError):
                    file.write(frames.recv(256 * 1024))

        recorder = threading.Thread(target=record)
        recorder.start()
        try:
            yield
        finally:
            ended.set()
            recorder.join()
