# SPDX-License-Identifier: Apache-2.0
"""Tests of the rule files that carry exceptions to devices."""

import tomllib

import pytest

from collector.console.clock import find_zone
from collector.exceptions import Scope, rule_file, write_rule_files
from collector.policies import PACK
from collector.store.engine import reading
from rules.load import load_pack
from tests.collector.exceptions.conftest import Register
from tests.rules.sample import make_files


def write(register: Register, files: dict[str, str] | None = None) -> dict[str, str]:
    """Return the files for now, beside the shipped rules or others."""
    school, files = register.school, load_pack(PACK) if files is None else files
    with reading(school.engine) as connection:
        return write_rule_files(connection, school.id, files, now_ns=school.now_ns, zone=find_zone())


def test_only_what_is_granted_and_not_over_is_written(register: Register) -> None:
    """What waits, was refused or ended is in no file; what is to come is, since its time is in it."""
    assert write(register) == {}
    register.ask()
    register.refuse(register.ask())
    coming, short = register.ask(first="2026-12-01"), register.ask(last="2026-11-22")
    register.grant(coming)
    register.grant(short)
    ids = [each["id"] for each in tomllib.loads(write(register)["exceptions.toml"])["exception"]]
    assert ids == [f"asked-{each}" for each in sorted((coming, short))]
    register.school.pass_time(2 * 24 * 3600 * 10**9)
    (left,) = tomllib.loads(write(register)["exceptions.toml"])["exception"]
    assert left["id"] == f"asked-{coming}"


def test_many_are_several_files(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them larger than a rule file may be, and nothing is lost between them."""
    for _ in range(3):
        register.grant(register.ask(Scope(rules=("bypass-tor",), programs=("Tor",))))
    whole = write(register)["exceptions.toml"]
    monkeypatch.setattr(rule_file, "FILE_BYTES", len(whole) // 2)
    parts = write(register)
    assert list(parts) == ["exceptions.toml", "exceptions-2.toml", "exceptions-3.toml"]
    assert "\n".join(parts.values()) == whole


def test_rule_that_is_gone_is_left_out(register: Register) -> None:
    """An exception keeps nobody from changing rules, and a rule that becomes one of safeguarding has none any more."""
    register.grant(register.ask(Scope(rules=("bypass-tor", "bypass-proxy"))))
    pack = load_pack(PACK)
    gone = '[[change]]\nrule = "bypass-tor"\nwhy = "We teach how it works."\noff = true\n'
    sealed = '[[change]]\nrule = "bypass-tor"\nwhy = "It is about children."\naudience = "safeguarding"\n'
    for text in (gone, sealed):
        (left,) = tomllib.loads(write(register, pack | {"school/own.toml": text})["exceptions.toml"])["exception"]
        assert left["rules"] == ["bypass-proxy"]
    assert write(register, make_files("another")) == {}
    assert write(register, {"pack.toml": "broken"}) == {}
