# SPDX-License-Identifier: Apache-2.0
"""Tests of how a collector is made, and of what stands in the way."""

import stat
from pathlib import Path

import pytest

from collector import setup
from collector.authority import load_authority
from collector.config import load_config
from collector.errors import StoreError, UsageError
from collector.setup import FIRST_ADMINISTRATOR, UNFINISHED, initialise
from collector.store.engine import open_checked_engine
from collector.users import list_users, sign_in
from collector.verify import verify
from proto.errors import UnsafeFolderError
from tests.collector.school import START_NS


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_new_collector_has_all_that_it_needs(tmp_path: Path) -> None:
    """Keys, database, policy, and an administrator who signs in once with the password that is returned."""
    folder = tmp_path / "far" / "away"
    password = initialise(folder, database="", school_name="  St Example ")
    config = load_config(folder)
    engine = open_checked_engine(config)
    assert config.school_name == "St Example"
    assert load_authority(config.authority_folder).certificate.subject.rfc4514_string() == "CN=Schoolwarden"
    (user,) = list_users(engine, config.school_id)
    assert (user.name, sorted(user.roles), user.must_change_password) == (FIRST_ADMINISTRATOR, ["administrator"], True)
    assert sign_in(engine, config.school_id, FIRST_ADMINISTRATOR, password, START_NS)
    report = verify(engine, config)
    assert (report.problems, report.bundles) == ([], 1)
    engine.dispose()
    assert not (folder / UNFINISHED).exists()


def test_two_collectors_share_nothing(tmp_path: Path) -> None:
    """Each has a school id, keys and a password of its own."""
    passwords = {initialise(tmp_path / name, database="", school_name="A school") for name in ("one", "two")}
    one, two = (load_config(tmp_path / name) for name in ("one", "two"))
    assert len(passwords) == 2
    assert one.school_id != two.school_id
    assert one.signing_key.read_bytes() != two.signing_key.read_bytes()
    assert one.ledger_key.read_bytes() != two.ledger_key.read_bytes()


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    """No file that `init` writes can be read by another account, nor the folder entered."""
    initialise(tmp_path / "c", database="", school_name="A school")
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    open_to_others = [
        path.name
        for path in (tmp_path / "c").rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    # The database is encrypted, and in a folder that nobody else can enter.
    assert set(open_to_others) <= {"ledger.db"}
    assert stat.S_IMODE((tmp_path / "c" / "store").stat().st_mode) == 0o700


def test_existing_collector_is_left_alone(tmp_path: Path) -> None:
    """A second `init` in the same folder changes nothing."""
    initialise(tmp_path / "c", database="", school_name="A school")
    before = files_of(tmp_path / "c")
    with pytest.raises(UsageError, match="collector's folder already"):
        initialise(tmp_path / "c", database="", school_name="A school")
    assert files_of(tmp_path / "c") == before


def test_collector_that_lost_its_settings_is_left_alone(tmp_path: Path) -> None:
    """Without its settings a folder still holds keys and evidence: nothing of it is removed."""
    initialise(tmp_path / "c", database="", school_name="A school")
    (tmp_path / "c" / "collector.toml").unlink()
    before = files_of(tmp_path / "c")
    with pytest.raises(UsageError, match="is not empty: it holds authority"):
        initialise(tmp_path / "c", database="", school_name="A school")
    assert files_of(tmp_path / "c") == before


def test_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """What is not ours stays as it is, and nothing is put beside it."""
    (tmp_path / "homework.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds homework\.txt"):
        initialise(tmp_path, database="", school_name="A school")
    assert files_of(tmp_path) == {"homework.txt": b"mine"}


def test_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """A path that is a file cannot become a collector."""
    (tmp_path / "c").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        initialise(tmp_path / "c", database="", school_name="A school")


@pytest.mark.parametrize("name", ["", "   "])
def test_school_needs_a_name(tmp_path: Path, name: str) -> None:
    """It stands on every page."""
    with pytest.raises(UsageError, match="a school needs a name"):
        initialise(tmp_path / "c", database="", school_name=name)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("step", ["make_authority", "make_ledger_key", "migrate", "choose_pack", "add_user"])
def test_interrupted_start_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Wherever `init` is ended, the folder is no collector, and the next `init` makes one."""

    def fail(*_: object, **__: object) -> None:
        raise StoreError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(setup, step, fail)
        with pytest.raises(StoreError, match="the power went"):
            initialise(tmp_path / "c", database="", school_name="A school")
    with pytest.raises(UsageError, match="is not a collector's folder"):
        load_config(tmp_path / "c")
    initialise(tmp_path / "c", database="", school_name="A school")
    open_checked_engine(load_config(tmp_path / "c")).dispose()


def test_database_that_does_not_answer_leaves_no_collector(tmp_path: Path) -> None:
    """With a database that is not there, `init` fails, and works later with another one."""
    address = f"postgresql://nobody@/school?host={tmp_path}"
    with pytest.raises(StoreError, match="does not answer"):
        initialise(tmp_path / "c", database=address, school_name="A school")
    initialise(tmp_path / "c", database="", school_name="A school")


def test_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """No keys are made where somebody else could swap them."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c").chmod(0o777)
    with pytest.raises(UnsafeFolderError, match="other users can write"):
        initialise(tmp_path / "c", database="", school_name="A school")
    assert list((tmp_path / "c").iterdir()) == []
