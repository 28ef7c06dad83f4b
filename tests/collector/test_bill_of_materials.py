# SPDX-License-Identifier: Apache-2.0
"""Tests of the bill of materials, read back by the schema that its standard publishes."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from sqlalchemy import Engine

from collector import bill_of_materials
from collector.authority import Authority
from collector.bill_of_materials import make_bill, make_purl
from collector.devices import revoke
from collector.errors import UsageError
from collector.ingest import Ingest
from collector.inventory import ListState, list_states
from collector.store.engine import writing
from proto.events import Program
from tests.collector.evidence import Device, enrol_device, numbers_of, send
from tests.collector.machines import GIMP, LAPTOP, VIM, ZORK, list_of
from tests.collector.school import School


def bill_of(school: School, device_id: str | None = None) -> Any:
    """Return a bill that keeps to its standard."""
    text = make_bill(school.engine, school.id, "St Example", version="0.1.0", device_id=device_id)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    return json.loads(text)


def test_school_is_one_bill(school: School, ingest: Ingest, device: Device, authority: Authority) -> None:
    """A program that two devices have stands in it once, and each device depends on what it has."""
    other = enrol_device(school, authority, "library-02")
    numbers_of(send(ingest, device.say(list_of(VIM, GIMP), LAPTOP), other.say(list_of(VIM, ZORK))))
    bill = bill_of(school)
    software = {each["purl"]: each["bom-ref"] for each in bill["components"] if "purl" in each}
    assert set(software) == {
        "pkg:deb/debian/vim@9.0",
        "pkg:generic/org.gimp.GIMP@2.10?source=flatpak",
        "pkg:pypi/zork@1.0",
    }
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in bill["dependencies"]}
    assert needs[f"device-{device.id}"] == {
        software["pkg:deb/debian/vim@9.0"],
        software["pkg:generic/org.gimp.GIMP@2.10?source=flatpak"],
    }
    assert software["pkg:deb/debian/vim@9.0"] in needs[f"device-{other.id}"]
    assert bill["metadata"]["properties"] == [{"name": "schoolwarden:school", "value": "St Example"}]


def test_device_is_a_component_with_its_hardware(school: School, ingest: Ingest, device: Device) -> None:
    """Maker, serial numbers and disks are properties; the bill of one device is about that device."""
    numbers_of(send(ingest, device.say(list_of(VIM), LAPTOP)))
    bill = bill_of(school, device.id)
    (component,) = (each for each in bill["components"] if each["type"] == "device")
    said = {each["name"].removeprefix("schoolwarden:"): each["value"] for each in component["properties"]}
    assert component["name"] == "library-01"
    assert component["manufacturer"]["name"] == "LENOVO"
    assert (said["serial"], said["disk:1:model"], said["memory_bytes"]) == (
        "PF0A1B2C",
        "SAMSUNG MZVLB256",
        "16500000000",
    )
    assert bill["metadata"]["component"]["bom-ref"] == component["bom-ref"]


def test_bill_says_what_nobody_knows(school: School) -> None:
    """A device that sent no list is in it, and it says that it sent none."""
    device_id = school.add_device("silent")
    (component,) = bill_of(school, device_id)["components"]
    said = {each["name"]: each["value"] for each in component["properties"]}
    assert said["schoolwarden:software_is_listed"] == "no"
    assert said["schoolwarden:hardware_is_listed"] == "no"


def test_device_that_comes_or_goes_meanwhile_stops_no_bill(
    school: School, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is enrolled or revoked between two reads is not in it."""
    stays = school.add_device("stays")

    def read_and_change(engine: Engine, school_id: str) -> list[ListState]:
        found = list_states(engine, school_id)
        school.add_device("new")
        with writing(engine) as connection:
            revoke(connection, school_id, device.id)
        return found

    monkeypatch.setattr(bill_of_materials, "list_states", read_and_change)
    assert [each["bom-ref"] for each in bill_of(school)["components"]] == [f"device-{stays}"]


def test_unknown_device_has_no_bill(school: School) -> None:
    """Nor has a revoked one."""
    revoked = school.add_device("old", state="revoked")
    for device_id in ("0" * 16, revoked):
        with pytest.raises(UsageError, match="no device"):
            make_bill(school.engine, school.id, "St Example", version="0", device_id=device_id)


HOSTILE = ["", "/", "//", "@", "@/", "@a/b/c", "?x=y#z", "a@b", "\x00", "\u202e", "<b>", "％00", "x" * 300, "a b", "é"]


@pytest.mark.parametrize("source", ["dpkg", "rpm", "pip", "npm", "flatpak", "extension", "file", "", "a=b&c"])
def test_hostile_programs_keep_to_the_standard(school: School, ingest: Ingest, device: Device, source: str) -> None:
    """Whatever a program is called, the bill is valid and holds it; its package URL, if it has one, can be read."""
    hostile = [Program(name, source=source, version=name) for name in HOSTILE]
    numbers_of(send(ingest, device.say(list_of(*hostile))))
    software = [each for each in bill_of(school)["components"] if each["type"] == "application"]
    assert len(software) == len(HOSTILE)
    for each in software:
        if "purl" in each:
            PackageURL.from_string(each["purl"])


@pytest.mark.parametrize(
    ("program", "os", "purl"),
    [
        (("dpkg", "libc6", "2.36-9+deb12u4"), "Debian GNU/Linux", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4"),
        (("dpkg", "vim", "2:9.1"), "Ubuntu", "pkg:deb/ubuntu/vim@2:9.1"),
        (("dpkg", "vim", ""), "Something else", "pkg:deb/debian/vim"),
        (("rpm", "bash", "5.2-1"), "Fedora Linux", "pkg:rpm/fedora/bash@5.2-1"),
        (("rpm", "bash", "5.2-1"), "Red Star", "pkg:rpm/bash@5.2-1"),
        (("pip", "Typing_Extensions", "4.6"), "", "pkg:pypi/typing-extensions@4.6"),
        (("npm", "@angular/cli", "17.0.0"), "", "pkg:npm/%40angular/cli@17.0.0"),
        (("snap", "firefox", "1"), "", "pkg:generic/firefox@1?source=snap"),
        (
            ("extension", f"uBlock Origin ({'cjpalhdlnbpafiamejdnhcphjbkeiagm'})", "1.5"),
            "",
            "pkg:chrome-extension/cjpalhdlnbpafiamejdnhcphjbkeiagm@1.5",
        ),
        (
            ("extension", "uBlock0@raymondhill.net", "1.5"),
            "",
            "pkg:generic/uBlock0%40raymondhill.net@1.5?source=extension",
        ),
    ],
)
def test_package_urls(program: tuple[str, str, str], os: str, purl: str) -> None:
    """Registered types where there is one, generic otherwise."""
    assert str(make_purl(*program, os=os)) == purl
