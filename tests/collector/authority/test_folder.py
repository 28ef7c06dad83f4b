# SPDX-License-Identifier: Apache-2.0
"""Tests of the folder of the CAs: made, rotated, retired, damaged, and cut off in the middle."""

import shutil
from pathlib import Path

import pytest
from cryptography import x509

from collector.authority import (
    Authorities,
    AuthorityFolder,
    issue_listener_certificate,
    load_authorities,
    load_authority,
    make_authority,
    retire_authority,
    rotate_authority,
)
from collector.authority.folder import MAX_AUTHORITIES
from collector.errors import UsageError
from proto.trust import MAX_AUTHORITIES as MOST_THAT_DEVICES_TAKE


@pytest.fixture(scope="module")
def rotated_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA and two former ones."""
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder)
    rotate_authority(folder)
    rotate_authority(folder)
    return folder


@pytest.fixture
def folder(rotated_twice: Path, tmp_path: Path) -> Path:
    """A copy of this test's own."""
    shutil.copytree(rotated_twice, tmp_path / "authority")
    return tmp_path / "authority"


def names_of(authorities: Authorities) -> list[str]:
    """Return the names of the CAs, the one that issues first."""
    all_of_them = (authorities.current.certificate, *authorities.former)
    return [each.subject.rfc4514_string() for each in all_of_them]


def files_of(folder: Path) -> set[str]:
    """Return the names of the files."""
    return {path.name for path in folder.iterdir()}


def test_new_ca_issues_and_the_former_one_cannot_any_more(folder: Path) -> None:
    """Each has a name of its own, and the keys of the former ones are gone."""
    authorities = load_authorities(folder)
    assert names_of(authorities) == ["CN=Schoolwarden 3", "CN=Schoolwarden 2", "CN=Schoolwarden"]
    assert load_authority(folder).certificate == authorities.current.certificate
    assert {name for name in files_of(folder) if name.endswith(".key")} == {"ca-3.key"}


def test_each_ca_vouches_for_the_next(folder: Path) -> None:
    """Whoever knows any of them comes from the listener's certificate to the one he knows."""
    authorities = load_authorities(folder)
    chain = x509.load_pem_x509_certificates(issue_listener_certificate(authorities)[1])
    assert len(chain) == 3
    for certificate, issuer in zip(chain, (*chain[1:], authorities.former[-1]), strict=True):
        certificate.verify_directly_issued_by(issuer)
    for known in (authorities.current.certificate, *authorities.former):
        assert any(each.issuer == known.subject for each in chain)


def test_whole_chain_is_good_for_a_clock_that_is_years_off(folder: Path) -> None:
    """Ten years either way, at each of its certificates."""
    authorities = load_authorities(folder)
    chain = x509.load_pem_x509_certificates(issue_listener_certificate(authorities)[1])
    for certificate in (*chain, authorities.current.certificate, *authorities.former):
        assert certificate.not_valid_before_utc.year <= 2000
        assert certificate.not_valid_after_utc.year >= 2065


def test_oldest_is_dropped_first(folder: Path) -> None:
    """What is left goes on as it was; the one that issues cannot be dropped."""
    before = load_authorities(folder)
    assert retire_authority(folder) == before.former[1]
    assert load_authorities(folder).certificates_der == before.certificates_der[:2]
    assert retire_authority(folder) == before.former[0]
    assert files_of(folder) == {"ca-3.key", "ca-3.crt"}
    with pytest.raises(UsageError, match="no former CA") as caught:
        retire_authority(folder)
    assert "rotate" in caught.value.hint
    assert load_authorities(folder).certificates_der == before.certificates_der[:1]


def test_number_of_a_dropped_ca_is_not_given_again(folder: Path) -> None:
    """Two CAs of one name would be taken for each other."""
    retire_authority(folder)
    retire_authority(folder)
    assert names_of(rotate_authority(folder)) == ["CN=Schoolwarden 4", "CN=Schoolwarden 3"]


def test_there_are_no_more_than_devices_take(tmp_path: Path) -> None:
    """A statement names so many; the next rotation asks to drop one first and changes nothing."""
    assert MAX_AUTHORITIES == MOST_THAT_DEVICES_TAKE
    make_authority(tmp_path)
    for _ in range(MAX_AUTHORITIES - 1):
        rotate_authority(tmp_path)
    before = files_of(tmp_path)
    with pytest.raises(UsageError, match="8 CAs already") as caught:
        rotate_authority(tmp_path)
    assert "retire" in caught.value.hint
    assert files_of(tmp_path) == before


def test_rotation_that_is_cut_off_is_no_rotation_yet(folder: Path) -> None:
    """Without the certificate, which is written last, the CA before issues on; the next rotation begins anew."""
    before = load_authorities(folder)
    for name in ("ca-4.key", "ca-4.cross.crt"):
        (folder / name).write_bytes(b"half")
        assert load_authorities(folder).certificates_der == before.certificates_der
    assert names_of(rotate_authority(folder))[0] == "CN=Schoolwarden 4"


def test_rotation_that_is_cut_off_at_its_end_is_done(folder: Path) -> None:
    """The former key may still lie there; it goes with the next rotation."""
    (folder / "ca-2.key").write_bytes(b"left behind")
    assert names_of(load_authorities(folder))[0] == "CN=Schoolwarden 3"
    rotate_authority(folder)
    assert {name for name in files_of(folder) if name.endswith(".key")} == {"ca-4.key"}


@pytest.mark.parametrize("name", ["ca.crt", "ca-2.cross.crt", "ca-2.crt"])
def test_retirement_that_is_cut_off_leaves_what_can_be_loaded(folder: Path, name: str) -> None:
    """After each of its steps the CA that issues is the same, and dropping goes on where it stopped."""
    current = load_authority(folder).certificate
    steps = ["ca.crt", "ca-2.cross.crt", "ca-2.crt"]
    for step in steps[: steps.index(name) + 1]:
        (folder / step).unlink()
    if name == "ca-2.crt":
        (folder / "ca-3.cross.crt").unlink()
    assert load_authority(folder).certificate == current


@pytest.mark.parametrize("name", ["ca-3.crt", "ca-3.key", "ca-3.cross.crt", "ca-2.cross.crt"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_lost_or_damaged_file_is_told(folder: Path, name: str, content: bytes | None) -> None:
    """A CA that devices were told of is never silently replaced by the one before it."""
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(UsageError, match="cannot be loaded") as caught:
        load_authorities(folder)
    assert "backup" in caught.value.hint


def test_word_of_another_ca_is_told(folder: Path) -> None:
    """Files of two backups mixed up would make a chain that no device accepts."""
    shutil.copy(folder / "ca-2.cross.crt", folder / "ca-3.cross.crt")
    with pytest.raises(UsageError, match="do not belong together"):
        load_authorities(folder)
    shutil.copy(folder / "ca-3.crt", folder / "ca-3.cross.crt")
    with pytest.raises(UsageError, match="do not belong together"):
        load_authorities(folder)


def test_folder_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    """A collector that is serving asks at each connection, and sees a rotation and a retirement at once."""
    make_authority(tmp_path)
    present = AuthorityFolder(tmp_path)
    first = present()
    assert present() is first
    rotate_authority(tmp_path)
    second = present()
    assert names_of(second) == ["CN=Schoolwarden 2", "CN=Schoolwarden"]
    assert present() is second
    retire_authority(tmp_path)
    assert names_of(present()) == ["CN=Schoolwarden 2"]


def test_folder_that_breaks_while_we_serve_stops_nobody(tmp_path: Path) -> None:
    """What was loaded is still good; once it can be read again, it is."""
    make_authority(tmp_path)
    present = AuthorityFolder(tmp_path)
    first = present()
    (tmp_path / "ca-2.crt").write_bytes(b"half a backup")
    assert present() is first
    (tmp_path / "ca-2.crt").unlink()
    rotate_authority(tmp_path)
    assert names_of(present()) == ["CN=Schoolwarden 2", "CN=Schoolwarden"]
