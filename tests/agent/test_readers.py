# SPDX-License-Identifier: Apache-2.0
"""Tests of who reads this machine's flags: which sets come into force, the pin, and what survives a restart."""

import base64
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.readers import Readers, ReaderStore
from proto.errors import RecipientsError
from proto.keys import Ed25519Signer
from proto.recipients import Recipient, RecipientSet, Recovery, fingerprint
from proto.wire import Safeguarding
from rules.route import Position, Route, find_readers, list_holders
from tests.agent.collector import FakeCollector
from tests.agent.piping import IDENTITY
from tests.agent.safeguarding import ROOT, SUBJECT_KEY, key_of, make_safeguarding, make_set, with_root

NEW_ROOT, STRANGER = Ed25519Signer.generate(), Ed25519Signer.generate()


def make_store(folder: Path) -> ReaderStore:
    """Return the readers of a machine, as after a restart, before they are loaded."""
    return ReaderStore(folder / "readers" / "readers.json", IDENTITY, folder / "identity" / "safeguarding.json")


def make_kept(version: int, *, root: Ed25519Signer) -> str:
    """Return a set as it stands in the file."""
    return base64.b64encode(make_safeguarding(version, root=root).SerializeToString()).decode()


@pytest.fixture
def store(tmp_path: Path) -> ReaderStore:
    """The readers of a machine that has none yet."""
    return make_store(tmp_path)


def test_a_set_comes_into_force_once(store: ReaderStore) -> None:
    """It is told when it is another; the collector may send the same at every connection."""
    told: list[int] = []
    store.on_change = lambda: told.append(store.version)

    assert (store.version, store.in_force) == (0, None)
    assert store.accept(make_safeguarding(1))
    assert not store.accept(make_safeguarding(1))
    assert store.accept(make_safeguarding(2))
    assert told == [1, 2]


def test_it_is_in_force_after_a_restart(tmp_path: Path, store: ReaderStore) -> None:
    """From a file that only its owner reads, since the key of references lies in it."""
    store.accept(make_safeguarding(2, absent=["dana"]))
    again = make_store(tmp_path)
    again.load()

    assert again.in_force == store.in_force
    assert again.in_force is not None
    assert (again.in_force.subject_key, again.in_force.absent) == (SUBJECT_KEY, {"dana"})
    assert stat.S_IMODE((tmp_path / "readers" / "readers.json").stat().st_mode) == 0o600


def test_nothing_to_load_is_no_fault(store: ReaderStore) -> None:
    """A new machine has no readers yet."""
    store.load()
    assert store.in_force is None


def test_absence_changes_without_another_set(store: ReaderStore) -> None:
    """It is not signed, and it can only add the next rung; who is not in the set is nobody. Each change is told."""
    told: list[int] = []
    store.on_change = lambda: told.append(store.version)
    store.accept(make_safeguarding(1))

    assert store.accept(make_safeguarding(1, absent=["derek", "eve"]))
    assert store.in_force is not None
    assert store.in_force.absent == {"derek"}
    assert not store.accept(make_safeguarding(1, absent=["derek"]))
    assert store.accept(make_safeguarding(1))
    assert store.in_force.absent == frozenset()
    assert told == [1, 1, 1]


def test_another_key_of_references_is_told(store: ReaderStore) -> None:
    """It comes unsigned too: whoever changes it parts new flags from old ones, and that must not be silent."""
    told: list[int] = []
    store.accept(make_safeguarding(1))
    store.on_change = lambda: told.append(store.version)
    message = make_safeguarding(1)
    message.subject_key = bytes(32)

    assert store.accept(message)
    assert not store.accept(message)
    assert told == [1]


@pytest.mark.parametrize("what", ["another root", "older", "same version", "other school", "garbled", "short key"])
def test_what_is_not_right_is_refused_and_the_one_in_force_stays(store: ReaderStore, what: str) -> None:
    """A hostile collector adds a key of its own, or brings back who left: neither is taken."""
    store.accept(make_safeguarding(3))
    before = store.in_force
    message = {
        "another root": make_safeguarding(4, root=STRANGER),
        "older": make_safeguarding(2),
        "same version": make_safeguarding(3, make_set(3, people=("dana", "hilda"))),
        "other school": make_safeguarding(4, replace(make_set(4), school_id="other")),
        "garbled": make_safeguarding(4),
        "short key": make_safeguarding(4),
    }[what]
    if what == "garbled":
        message.recipients.body = message.recipients.body.replace(key_of("dana").encode(), key_of("carl").encode())
    if what == "short key":
        message.subject_key = b"short"

    with pytest.raises(RecipientsError):
        store.accept(message)
    assert store.in_force is before
    assert store.root_fingerprint == fingerprint(ROOT.public_key)


def test_an_empty_message_is_refused(store: ReaderStore) -> None:
    """Protobuf takes nothing for a message of empty fields."""
    with pytest.raises(RecipientsError):
        store.accept(Safeguarding())


def test_a_machine_without_a_root_takes_no_set(tmp_path: Path) -> None:
    """It was enrolled before the school had one, and says how that is put right."""
    store = ReaderStore(tmp_path / "readers.json", FakeCollector().make_identity())

    with pytest.raises(RecipientsError, match="enrolled before") as caught:
        store.accept(make_safeguarding(1))
    assert "new token" in caught.value.hint
    assert store.root_fingerprint == b""


# The pin


def test_a_new_root_is_pinned_for_good(tmp_path: Path, store: ReaderStore) -> None:
    """After a succession the former root decides nothing any more, also not after a restart."""
    store.accept(make_safeguarding(1))
    store.accept(make_safeguarding(2, root=NEW_ROOT, former_root=ROOT))
    again = make_store(tmp_path)
    again.load()
    for each in (store, again):
        assert each.root_fingerprint == fingerprint(NEW_ROOT.public_key)
        with pytest.raises(RecipientsError, match="another safeguarding root"):
            each.accept(make_safeguarding(3, root=ROOT))
    assert again.accept(make_safeguarding(3, root=NEW_ROOT))


def test_a_refused_succession_pins_nothing(store: ReaderStore) -> None:
    """The pin moves with a set that is in force, and not before."""
    store.accept(make_safeguarding(2))
    with pytest.raises(RecipientsError, match="version 1, and 2 is in force"):
        store.accept(make_safeguarding(1, root=NEW_ROOT, former_root=ROOT))
    assert store.root_fingerprint == fingerprint(ROOT.public_key)


def test_a_machine_that_is_enrolled_again_pins_what_its_token_says(tmp_path: Path, store: ReaderStore) -> None:
    """What was kept before, with its pin, is not looked at."""
    store.accept(make_safeguarding(5))
    pin_file = tmp_path / "identity" / "safeguarding.json"
    again = ReaderStore(tmp_path / "readers" / "readers.json", with_root(IDENTITY, NEW_ROOT), pin_file)
    again.load()

    assert (again.version, again.root_fingerprint) == (0, fingerprint(NEW_ROOT.public_key))
    assert again.accept(make_safeguarding(1, root=NEW_ROOT))


@pytest.mark.parametrize("how", ["no JSON", "a list", "another field", "deep", "a changed set", "a folder"])
def test_a_file_that_was_changed_is_not_used(tmp_path: Path, store: ReaderStore, how: str) -> None:
    """It is refused with a reason, and the next set that comes replaces it."""
    store.accept(make_safeguarding(1))
    path = tmp_path / "readers" / "readers.json"
    kept = json.loads(path.read_bytes())
    if how == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "no JSON": b"{",
                "a list": b"[]",
                "another field": json.dumps(kept | {"safeguarding": 7}).encode(),
                "deep": b"[" * 100_000,
                "a changed set": json.dumps(kept | {"safeguarding": make_kept(4, root=STRANGER)}).encode(),
            }[how]
        )
    again = make_store(tmp_path)
    with pytest.raises(RecipientsError):
        again.load()
    assert again.in_force is None
    assert again.root_fingerprint == fingerprint(ROOT.public_key)


@pytest.mark.parametrize("how", ["lost", "an older one"])
def test_a_set_that_is_gone_brings_neither_a_former_root_nor_an_old_set_back(
    tmp_path: Path, store: ReaderStore, how: str
) -> None:
    """The root of the enrolment may be in a thief's hands, which is why it was given up."""
    path = tmp_path / "readers" / "readers.json"
    store.accept(make_safeguarding(1))
    former = path.read_bytes()
    store.accept(make_safeguarding(5, root=NEW_ROOT, former_root=ROOT))
    path.unlink()
    again = make_store(tmp_path)
    if how == "an older one":
        path.write_bytes(former)
        with pytest.raises(RecipientsError):
            again.load()
    else:
        again.load()

    assert (again.in_force, again.root_fingerprint) == (None, fingerprint(NEW_ROOT.public_key))
    for refused in (
        make_safeguarding(6, root=ROOT),
        make_safeguarding(6, root=STRANGER, former_root=ROOT),
        make_safeguarding(4, root=NEW_ROOT),
        make_safeguarding(5, make_set(5, people=("dana", "hilda")), root=NEW_ROOT),
    ):
        with pytest.raises(RecipientsError):
            again.accept(refused)
    assert again.accept(make_safeguarding(5, root=NEW_ROOT, former_root=ROOT))


def test_a_pin_that_was_not_kept_yet_is_kept_at_the_next_start(tmp_path: Path, store: ReaderStore) -> None:
    """The power went between the two files: the set vouches for its root once more."""
    store.accept(make_safeguarding(1))
    pin_file = tmp_path / "identity" / "safeguarding.json"
    before = pin_file.read_bytes()
    store.accept(make_safeguarding(2, root=NEW_ROOT, former_root=ROOT))
    after = pin_file.read_bytes()
    pin_file.write_bytes(before)
    again = make_store(tmp_path)
    again.load()

    assert (again.version, again.root_fingerprint) == (2, fingerprint(NEW_ROOT.public_key))
    assert pin_file.read_bytes() == after
    assert stat.S_IMODE(pin_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"a folder"])
def test_a_pin_that_cannot_be_read_is_no_pin(tmp_path: Path, store: ReaderStore, content: bytes) -> None:
    """It does not fall back to the root of the enrolment: no set is taken before a new one."""
    store.accept(make_safeguarding(1))
    pin_file = tmp_path / "identity" / "safeguarding.json"
    pin_file.unlink()
    if content == b"a folder":
        pin_file.mkdir()
    else:
        pin_file.write_bytes(content)
    again = make_store(tmp_path)

    with pytest.raises(RecipientsError, match="which safeguarding root is pinned") as caught:
        again.load()
    assert "new token" in caught.value.hint
    assert (again.in_force, again.root_fingerprint) == (None, b"")
    with pytest.raises(RecipientsError):
        again.accept(make_safeguarding(2))


# Whom a sentence is about, and who reads it


def test_subjects_are_who_typed_and_who_is_named(store: ReaderStore) -> None:
    """Nobody else, whatever the sentence holds; a local account is never a directory's."""
    store.accept(make_safeguarding(1))
    readers = store.in_force
    assert readers is not None

    assert readers.find_subjects("directory:pupil7", "i want to die") == frozenset()
    assert readers.find_subjects("directory:ddale", "i want to die") == {"dana"}
    assert readers.find_subjects("directory:ddale", "i hate mrs hill") == {"dana", "hilda"}
    assert readers.find_subjects("local:device:1001", "mr. deeds is here") == {"derek"}
    assert readers.find_subjects("local:ddale:1001", "dana dale") == frozenset()
    assert readers.find_subjects("local:ddale:1001", "", "mrs hill", "Mr Deeds") == {"hilda", "derek"}
    assert readers.find_subjects("local:ddale:1001", "i hate mrs", "dale") == frozenset()


def test_a_recovery_key_goes_to_its_own_route_only(store: ReaderStore) -> None:
    """A key for the lowest route, which the head holds, would open a flag about the head."""
    store.accept(make_safeguarding(1))
    readers = store.in_force
    assert readers is not None
    expected = {
        (): (Route.DSL, {"dana", "derek", "recovery dsl"}),
        ("dana",): (Route.HEAD, {"hilda", "recovery head"}),
        ("hilda",): (Route.CHAIR, {"carl", "recovery chair"}),
        ("carl",): (Route.OUTSIDE, {"recovery outside"}),
    }
    for subjects, (route, names) in expected.items():
        chosen, keys = readers.choose(subjects)
        assert (chosen, set(keys)) == (route, {key_of(name) for name in names})


NAMES = [f"person-{number}" for number in range(5)]
ANY_RECIPIENT = st.builds(
    Recipient,
    id=st.sampled_from(NAMES),
    positions=st.lists(st.sampled_from([*Position, "newer"]), min_size=1, max_size=4, unique=True).map(tuple),
    age_key=st.just(""),
    tested=st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(ANY_RECIPIENT, max_size=5, unique_by=lambda each: each.id),
    st.frozensets(st.sampled_from(NAMES)),
    st.frozensets(st.sampled_from(NAMES)),
    st.frozensets(st.sampled_from(list(Route))),
)
def test_no_key_of_a_subject_is_ever_chosen(
    people: list[Recipient], subjects: frozenset[str], absent: frozenset[str], recoveries: frozenset[Route]
) -> None:
    """Over any set, tested or not, any absence and any subjects; and the collector finds the same readers."""
    content = RecipientSet(
        school_id="s",
        version=1,
        made_at_ns=1,
        recipients=tuple(replace(each, age_key=f"key of {each.id}") for each in people),
        recoveries=tuple(Recovery(route=each.value, age_key=f"recovery {each}", holders=()) for each in recoveries),
    )
    route, keys = Readers(content, SUBJECT_KEY, absent, b"", b"").choose(subjects)
    readers = find_readers(list_holders(content), route, absent)

    assert not {f"key of {each}" for each in subjects} & set(keys)
    assert set(keys) == {f"key of {each}" for each in readers} | {
        f"recovery {each}" for each in recoveries if each is route
    }
    assert len(keys) == len(set(keys))
