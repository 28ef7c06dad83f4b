# SPDX-License-Identifier: Apache-2.0
"""Tests of the policy on a machine: which one comes into force, and what it lets leave."""

import random
import stat
import threading
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.identity import Identity
from agent.policy import PolicyStore
from proto.events import (
    KINDS,
    AgentStopped,
    Kind,
    Leaves,
    Program,
    ProgramFound,
    ProgramInstalled,
    ProgramStarted,
    SoftwareListed,
)
from proto.wire import Bundle
from rules.bundle import MAX_BUNDLE_BYTES
from rules.errors import BundleError, BundleRollbackError
from tests.agent.collector import FakeCollector, rule_files
from tests.proto.strategies import any_event

COLLECTOR = FakeCollector()
PROGRAMS = st.builds(
    Program,
    name=st.sampled_from(["tor", "TOR.exe", "supertux2", "torch", "bash", ""]),
    path=st.sampled_from(["", "/usr/bin/tor", "/home/pupil/x/tor", "/usr/bin/bash"]),
    sha256=st.just(""),
    source=st.sampled_from(["process", "file", "dpkg", "flatpak", "snap", ""]),
)
ABOUT_A_PROGRAM = st.one_of(
    st.builds(ProgramStarted, PROGRAMS),
    st.builds(ProgramFound, PROGRAMS),
    st.builds(ProgramInstalled, PROGRAMS),
    st.builds(SoftwareListed, st.lists(PROGRAMS, max_size=3).map(tuple)),
)
TOR_STARTED = ProgramStarted(Program("tor", source="process"))


@cache
def identity() -> Identity:
    """Return who the machine is; made once."""
    return COLLECTOR.make_identity()


def make_store(state: Path) -> PolicyStore:
    """Return the policies of a machine, as after a restart, before they are loaded."""
    return PolicyStore(state / "policy" / "bundle.bin", identity())


@pytest.fixture
def store(tmp_path: Path) -> PolicyStore:
    """The policies of a machine that has none yet."""
    return make_store(tmp_path)


@cache
def store_with(*, inventory: bool) -> PolicyStore:
    """Return a machine's policies with one in force."""
    with TemporaryDirectory() as folder:
        store = make_store(Path(folder))
        store.accept(COLLECTOR.publish(1, rule_files(inventory=inventory)))
        return store


@settings(deadline=None, max_examples=200)
@given(st.one_of(any_event(), ABOUT_A_PROGRAM))
def test_without_a_policy_only_the_agent_itself_leaves(event: Kind) -> None:
    """No policy, no event about a program, whatever it says."""
    severity = PolicyStore(Path("nowhere"), identity()).find_severity(event)
    assert (severity is not None) is (event.leaves is Leaves.ALWAYS)


@settings(deadline=None, max_examples=400)
@given(st.one_of(any_event(), ABOUT_A_PROGRAM), st.booleans())
def test_the_gate_is_shut_unless_a_rule_opens_it(event: Kind, inventory: bool) -> None:
    """An event leaves because it is about the agent, because a rule names it, or because the inventory is asked for."""
    store = store_with(inventory=inventory)
    severity = store.find_severity(event)
    in_force = store.in_force
    assert in_force is not None
    rules = [match.rule.severity for match in in_force.evaluator.match(event.kind, event)]
    expected = {
        Leaves.ALWAYS: event.severity,
        Leaves.ON_MATCH: max(rules, default=None),
        Leaves.ON_REQUEST: max(rules, default=event.severity) if inventory and event.asked_in == "inventory" else None,
        Leaves.SEALED: None,
    }
    assert severity == expected[event.leaves]
    assert severity is None or 1 <= severity <= 5


@settings(deadline=None, max_examples=200)
@given(st.text(), st.text(), st.sampled_from([ProgramStarted, ProgramFound]))
def test_what_no_rule_names_stays_here(name: str, path: str, cls: type[ProgramStarted | ProgramFound]) -> None:
    """A pupil's own program, under any name and path, is nobody's business."""
    for source in ("process", "file", "dpkg", "flatpak", "snap"):
        event = cls(Program(name, path, source=source))
        if not {"tor", "supertux2"} & {part.casefold().removesuffix(".exe") for part in (name, *path.split("/"))}:
            assert store_with(inventory=True).find_severity(event) is None


def test_a_kind_that_nobody_knows_stays_here() -> None:
    """A new kind of event that leaves on match stays here until a rule names it."""

    class ClipboardRead(AgentStopped):
        kind: ClassVar[str] = "clipboard.read"
        leaves: ClassVar[Leaves] = Leaves.ON_MATCH

    assert store_with(inventory=True).find_severity(ClipboardRead("text")) is None


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        (TOR_STARTED, 4),
        (ProgramStarted(Program("Tor.exe", source="process")), 4),
        (ProgramStarted(Program("supertux2", source="process")), 2),
        (ProgramFound(Program("tor", source="dpkg")), 4),
        (ProgramFound(Program("supertux2", source="file")), None),
        (ProgramStarted(Program("bash", source="process")), None),
        (ProgramStarted(Program("torch", source="process")), None),
        (ProgramInstalled(Program("tor", source="dpkg")), None),
        (SoftwareListed((Program("tor", source="dpkg"),)), None),
        (AgentStopped("SIGTERM"), 1),
    ],
    ids=str,
)
def test_the_highest_rule_gives_the_severity(event: Kind, severity: int | None) -> None:
    """What leaves has the severity of the most severe rule that names it; an inventory nobody asked for stays."""
    assert store_with(inventory=False).find_severity(event) == severity


def test_the_inventory_leaves_when_asked_for() -> None:
    """The signed policy can ask for it, and then it has its own severity."""
    store = store_with(inventory=True)
    assert store.find_severity(SoftwareListed((Program("bash", source="dpkg"),))) == SoftwareListed.severity
    assert store.find_severity(ProgramInstalled(Program("bash", source="dpkg"))) == ProgramInstalled.severity
    assert store.find_severity(ProgramStarted(Program("bash", source="process"))) is None


def test_every_kind_says_when_it_leaves() -> None:
    """The gate knows four answers; a kind with a fifth would fall through it."""
    assert {cls.leaves for cls in KINDS.values()} == set(Leaves)
    assert {Leaves.ALWAYS, Leaves.ON_MATCH, Leaves.ON_REQUEST, Leaves.SEALED} == set(Leaves)


def test_a_newer_policy_comes_into_force(store: PolicyStore) -> None:
    """It is in force, on the disk, and told once, after it is."""
    told: list[int] = []
    store.on_change = lambda: told.append(store.version)
    assert (store.version, store.in_force) == (0, None)
    assert store.accept(COLLECTOR.publish(1))
    assert store.accept(COLLECTOR.publish(5))
    assert store.version == 5
    assert told == [1, 5]


def test_the_one_in_force_is_not_taken_twice(store: PolicyStore) -> None:
    """The collector may send it at every connection; nothing happens."""
    told: list[int] = []
    store.on_change = lambda: told.append(store.version)
    bundle = COLLECTOR.publish(3)
    assert store.accept(bundle)
    before = store.in_force
    assert not store.accept(Bundle.FromString(bundle.SerializeToString()))
    assert store.in_force is before
    assert told == [3]


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_policy_is_refused(store: PolicyStore, version: int) -> None:
    """There is no way back, after a restart either."""
    store.accept(COLLECTOR.publish(3))
    with pytest.raises(BundleRollbackError):
        store.accept(COLLECTOR.publish(version))
    again = PolicyStore(store._path, identity())
    again.load()
    with pytest.raises(BundleRollbackError):
        again.accept(COLLECTOR.publish(version))
    assert again.version == 3


def test_another_policy_of_the_same_version_is_refused(store: PolicyStore) -> None:
    """A version means one text for ever."""
    store.accept(COLLECTOR.publish(3))
    with pytest.raises(BundleRollbackError):
        store.accept(COLLECTOR.publish(3, approved=["tor"]))
    assert store.find_severity(TOR_STARTED) == 4


def hostile_bundles() -> dict[str, Bundle]:
    """Return bundles that must not come into force, by what is wrong with them."""
    good = COLLECTOR.publish(9)
    other = FakeCollector()
    swapped = Bundle.FromString(good.SerializeToString())
    swapped.version = 10
    algorithm = Bundle.FromString(good.SerializeToString())
    algorithm.algorithm = "ecdsa-p256-sha256"
    changed = Bundle.FromString(good.SerializeToString())
    changed.body = changed.body.replace(b"Tor", b"Tux")
    return {
        "of another collector": other.publish(9),
        "for another school": COLLECTOR.publish(9, school_id="another"),
        "another version outside": swapped,
        "another algorithm": algorithm,
        "a changed text": changed,
        "empty": Bundle(),
        "unsigned": Bundle(version=9, body=good.body, algorithm=good.algorithm),
        "too large": Bundle(version=9, body=bytes(MAX_BUNDLE_BYTES + 1), algorithm=good.algorithm),
    }


@pytest.mark.parametrize("name", hostile_bundles())
def test_a_hostile_policy_changes_nothing(store: PolicyStore, name: str) -> None:
    """Whatever is wrong with it: the one in force stays, here and on the disk, and nobody is told of a change."""
    store.accept(COLLECTOR.publish(3))
    told: list[int] = []
    store.on_change = lambda: told.append(store.version)
    before, kept = store.in_force, store._path.read_bytes()
    with pytest.raises(BundleError):
        store.accept(hostile_bundles()[name])
    assert store.in_force is before
    assert store._path.read_bytes() == kept
    assert told == []


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 2**64 - 1), st.binary(max_size=80), st.text(max_size=20))
def test_any_bundle_is_refused_in_our_own_words(body: bytes, version: int, signature: bytes, algorithm: str) -> None:
    """Random bundles end in our own error."""
    bundle = Bundle(body=body, version=version, signature=signature, algorithm=algorithm)
    with pytest.raises(BundleError):
        PolicyStore(Path("nowhere"), identity()).accept(bundle)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_signed_garbage_is_refused_in_our_own_words(body: bytes) -> None:
    """So does anything that the collector's own key signed and that is no policy."""
    signature = COLLECTOR.signer.sign(b"schoolwarden policy bundle\x00" + (1).to_bytes(8, "big") + body)
    bundle = Bundle(body=body, version=1, signature=signature, algorithm=COLLECTOR.signer.algorithm)
    with pytest.raises(BundleError):
        PolicyStore(Path("nowhere"), identity()).accept(bundle)


def test_a_restart_brings_it_back(store: PolicyStore, tmp_path: Path) -> None:
    """The policy of the last run is in force before the collector is heard, and what it lets leave is the same."""
    store.accept(COLLECTOR.publish(3))
    again = make_store(tmp_path)
    assert again.version == 0
    again.load()
    assert again.version == 3
    assert again.find_severity(TOR_STARTED) == 4
    assert not again.accept(COLLECTOR.publish(3))


def test_without_a_file_there_is_none(store: PolicyStore) -> None:
    """The first start is no error."""
    store.load()
    assert store.in_force is None


def test_only_the_owner_reads_it(store: PolicyStore) -> None:
    """What a school watches for is not everybody's to read."""
    store.accept(COLLECTOR.publish(1))
    assert stat.S_IMODE(store._path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store._path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100, FakeCollector().publish(1).SerializeToString()])
def test_a_damaged_file_is_not_used(store: PolicyStore, content: bytes) -> None:
    """What does not verify is not in force, and the next good policy takes its place."""
    store.accept(COLLECTOR.publish(3))
    store._path.write_bytes(content)
    again = PolicyStore(store._path, identity())
    with pytest.raises(BundleError):
        again.load()
    assert again.in_force is None
    assert again.find_severity(TOR_STARTED) is None
    assert again.accept(COLLECTOR.publish(4))


def test_a_folder_in_its_place_is_said(store: PolicyStore) -> None:
    """A file that cannot be read is our own error, so that the agent goes on without a policy."""
    store._path.mkdir(parents=True)
    with pytest.raises(BundleError, match="cannot be read"):
        store.load()


def test_a_disk_that_takes_nothing_leaves_the_old_one(store: PolicyStore, tmp_path: Path) -> None:
    """A policy that cannot be kept does not come into force: after a restart it would be gone."""
    store.accept(COLLECTOR.publish(1))
    before = store.in_force
    (tmp_path / "policy" / "bundle.bin.new").mkdir()
    with pytest.raises(OSError):
        store.accept(COLLECTOR.publish(2))
    assert store.in_force is before
    (tmp_path / "policy" / "bundle.bin.new").rmdir()
    assert store.accept(COLLECTOR.publish(2))


def test_many_at_once_end_with_the_newest(store: PolicyStore) -> None:
    """Whatever threads bring, in whatever order: the newest is in force, in memory as on the disk."""
    bundles = [COLLECTOR.publish(version) for version in range(1, 13)]
    random.Random(5).shuffle(bundles)

    def bring(bundle: Bundle) -> None:
        try:
            store.accept(bundle)
        except BundleRollbackError as error:
            assert "in force" in error.message

    threads = [threading.Thread(target=bring, args=(bundle,)) for bundle in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert store.version == 12
    again = PolicyStore(store._path, identity())
    again.load()
    assert again.version == 12


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_no_event_stops_the_gate(data: st.DataObject) -> None:
    """Hostile names and paths of any length are judged without an error."""
    cls = data.draw(st.sampled_from([ProgramStarted, ProgramFound, ProgramInstalled]))
    source = data.draw(PROGRAMS).source
    text = data.draw(st.text(alphabet=st.characters(), max_size=30))
    for name in (text * 1000, "*" * 500, "\x00", "\udcff", "[" * 300 + text):
        store_with(inventory=True).find_severity(cls(Program(name, name, name, source)))
