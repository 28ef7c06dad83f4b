# SPDX-License-Identifier: Apache-2.0
"""Tests of readers and drill: what the operator hands on, and that he reads nothing."""

import base64
import json
import time
from pathlib import Path

import pytest

from collector.config import Addresses, load_config, write_addresses
from collector.drills import list_pending
from collector.identities import find_identity, keep_identity
from collector.opener.candidates import load_candidates
from collector.recipients import find_signed
from proto.keys import Ed25519Signer
from proto.recipients import dump_signed, fingerprint
from proto.sealed import seal
from proto.token import decode_token
from tests.collector.command import Run
from tests.collector.people.lists import take
from tests.collector.safeguarding import Safeguarding, build_safeguarding
from tests.collector.school import School
from tests.collector.test_identities import WRAPPED


@pytest.fixture
def safeguarding(school_at: School) -> Safeguarding:
    """Four readers at a collector that `init` made; nothing is published yet."""
    made = build_safeguarding(school_at, publishes=False)
    for person in made.people[:2]:
        keep(school_at, person.name, person.age_key)
    return made


def keep(school: School, user: str, age_key: str) -> None:
    """Let a reader have made his identity."""
    keep_identity(school.engine, school.id, user=user, age_key=age_key, wrapped=WRAPPED, now_ns=school.now_ns)


def write_set(folder: Path, safeguarding: Safeguarding) -> Path:
    """Write the next signed set into a file."""
    path = folder.parent / "readers.txt"
    path.write_text(dump_signed(safeguarding.sign()))
    return path


def test_candidates_are_what_the_opener_reads(
    run: Run, folder: Path, safeguarding: Safeguarding, tmp_path: Path
) -> None:
    """Whoever has no identity yet is left out, and named."""
    assert run("readers", "candidates", "--dir", folder) == 0
    (tmp_path / "candidates.json").write_text(run.out)
    candidates = load_candidates(tmp_path / "candidates.json")
    assert (candidates.school_id, candidates.version) == (safeguarding.school.id, 0)
    assert [(each.id, each.positions) for each in candidates.people] == [("dana", ("dsl",)), ("dev", ("deputy_dsl",))]
    assert "charles is left out" in run.err
    assert "heather is left out" in run.err


def test_set_is_published_and_shown(run: Run, folder: Path, safeguarding: Safeguarding) -> None:
    """With the root's fingerprint in groups, as a recovery sheet has it; the next token carries it."""
    assert run("readers", "show", "--dir", folder) == 2
    assert "no set of readers was published yet" in run.err
    safeguarding.school.config.subject_key.unlink()
    assert run("readers", "publish", write_set(folder, safeguarding), "--dir", folder) == 0
    assert "Version 1 of the readers is published" in run.err
    assert load_config(folder).subject_key.exists()
    root = fingerprint(safeguarding.root.public_key)
    person = {"person_id": "p1", "kind": "staff", "user_name": "dana"}
    take(safeguarding.school, person | {"accounts": "directory:dana|directory:dana.new"})
    assert run("readers", "show", "--dir", folder) == 0
    assert " ".join(root.hex()[start : start + 4] for start in range(0, 64, 4)) in run.out
    assert f"{safeguarding.dsl.age_key[:16]}…" in run.out
    assert run("readers", "show", "--dir", folder, "--format", "json") == 0
    assert (run.json["version"], run.json["root_fingerprint"]) == (1, root.hex())
    shown = {each["id"]: (each["tested"], each["identity_here"]) for each in run.json["readers"]}
    assert shown == {"dana": (True, True), "dev": (True, True), "heather": (True, False), "charles": (True, False)}
    assert [each["route"] for each in run.json["recoveries"]] == ["dsl", "head", "chair"]
    assert {each["id"]: each["unsigned_accounts"] for each in run.json["readers"]} == {
        "dana": ["directory:dana.new"],
        "dev": [],
        "heather": [],
        "charles": [],
    }
    assert "dana has accounts that are not in the signed set: directory:dana.new." in run.err
    write_addresses(folder, Addresses("10.0.0.7:7443", "10.0.0.7:7444", "127.0.0.1:3"))
    assert run("token", "--uses", "1", "--valid-for", "7d", "--dir", folder) == 0
    assert decode_token(run.out).safeguarding_root_fingerprint == root
    assert run("verify", "--dir", folder) == 0
    assert "1 sets of readers" in run.out


def test_set_that_is_not_the_roots_is_not_published(run: Run, folder: Path, safeguarding: Safeguarding) -> None:
    """Exit code 2 or 3, a reason, and the set in force stays."""
    assert run("readers", "publish", write_set(folder, safeguarding), "--dir", folder) == 0
    before = find_signed(safeguarding.school.engine, safeguarding.school.id)
    safeguarding.root = Ed25519Signer.generate()
    assert run("readers", "publish", write_set(folder, safeguarding), "--dir", folder) != 0
    assert "another safeguarding root" in run.err
    assert find_signed(safeguarding.school.engine, safeguarding.school.id) == before


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"schoolwarden recipients v1\nAAA", b"{}", b"x" * 9_000_000])
@pytest.mark.parametrize("verb", ["publish", "test"])
def test_other_files_are_refused(
    run: Run, folder: Path, safeguarding: Safeguarding, tmp_path: Path, verb: str, content: bytes
) -> None:
    """Without a traceback, and nothing is kept."""
    (tmp_path / "file").write_bytes(content)
    assert run("readers", verb, tmp_path / "file", "--dir", folder) == 2
    assert run.err.startswith("schoolwarden-collector: ")
    assert find_signed(safeguarding.school.engine, safeguarding.school.id) is None


@pytest.mark.parametrize("verb", ["publish", "test"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nonexist", "/nonexist cannot be read: No such file or directory"),
        ("/tmp", "/tmp cannot be read: Is a directory"),
        ("/etc/passwd", "/etc/passwd"),
    ],
)
def test_path_that_is_no_such_file_is_a_wrong_call(
    run: Run, folder: Path, safeguarding: Safeguarding, verb: str, path: str, words: str
) -> None:
    """Exit code 2 and a sentence that names the path: the collector is well."""
    assert run("readers", verb, path, "--dir", folder) == 2
    assert run.err.startswith("schoolwarden-collector: ")
    assert words in run.err
    assert "Traceback" not in run.err


def test_test_items_reach_their_readers(run: Run, folder: Path, safeguarding: Safeguarding, tmp_path: Path) -> None:
    """Each gets what is sealed to him."""
    items = {each.name: seal(b"123456", [each.age_key]) for each in safeguarding.people[:2]}
    document = {
        "format": "schoolwarden test items v1",
        "items": {name: base64.b64encode(item).decode() for name, item in items.items()},
    }
    (tmp_path / "items.json").write_text(json.dumps(document))
    assert run("readers", "test", tmp_path / "items.json", "--dir", folder) == 0
    assert "2 readers have a test item" in run.err
    for name, item in items.items():
        found = find_identity(safeguarding.school.engine, safeguarding.school.id, name)
        assert found is not None
        assert found.test_item == item


# Drills


def test_drill_is_ordered_and_listed(run: Run, folder: Path, school_at: School) -> None:
    """Of one device or of all; nobody has answered yet."""
    first, _ = school_at.add_device("library-01"), school_at.add_device("library-02")
    assert run("drill", "list", "--dir", folder) == 0
    assert "no drill was ordered yet" in run.err
    assert run("drill", first, "--dir", folder) == 0
    assert run("drill", "--all", "--dir", folder) == 0
    assert "2 devices are asked" in run.err
    assert len(list_pending(school_at.engine, school_at.id, time.time_ns())) == 3
    assert run("drill", "list", "--dir", folder, "--format", "json") == 0
    assert [each["hostname"] for each in run.json].count("library-01") == 2
    assert {each["answered_at"] for each in run.json} == {"not answered"}
    assert {each["ordered_by"] for each in run.json} == {"command line"}


@pytest.mark.parametrize("options", [(), ("--all", "d0d0d0d0d0d0d0d0"), ("d0d0d0d0d0d0d0d0",)])
def test_drill_of_nobody_is_refused(run: Run, folder: Path, options: tuple[str, ...]) -> None:
    """One device, or all; and one that is there."""
    assert run("drill", *options, "--dir", folder) == 2
