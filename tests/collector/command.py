# SPDX-License-Identifier: Apache-2.0
"""The collector's command for tests: run in this process, with what it printed and how it ended."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main

PASSWORD = re.compile(r"[a-z2-9]{4}(-[a-z2-9]{4}){4}\n")
ON_A_FOLDER: dict[str, tuple[str, ...]] = {
    "serve": ("serve",),
    "token": ("token", "--uses", "1", "--valid-for", "7d"),
    "tokens list": ("tokens", "list"),
    "tokens withdraw": ("tokens", "withdraw", "0" * 16),
    "authority status": ("authority", "status"),
    "authority rotate": ("authority", "rotate"),
    "authority retire": ("authority", "retire"),
    "authority announce": ("authority", "announce"),
    "user add": ("user", "add", "anna", "--role", "technician"),
    "user list": ("user", "list"),
    "user reset": ("user", "reset", "admin"),
    "devices": ("devices",),
    "incidents": ("incidents",),
    "verify": ("verify",),
    "refused": ("refused",),
    "fingerprints": ("fingerprints",),
    "export-evidence": ("export-evidence", "0" * 16, "-o", "evidence.zip"),
    "checkpoint": ("checkpoint",),
    "erase": ("erase", "--event", "1", "--reason", "mistake", "--note", "x"),
    "device revoke": ("device", "revoke", "0" * 16),
    "device confirm": ("device", "confirm", "0" * 16),
    "device resets": ("device", "resets", "0" * 16, "on", "--why", "frozen"),
    "device retire": ("device", "retire", "0" * 16, "--method", "lost", "--not-wiped", "lost"),
    "device receipt": ("device", "receipt", "0" * 16),
    "devices expected": ("devices", "expected"),
    "devices pending": ("devices", "pending"),
    "devices confirm": ("devices", "confirm", "--listed"),
    "devices group list": ("devices", "group", "list"),
    "devices group add": ("devices", "group", "add", "library", "library-01"),
    "devices group remove": ("devices", "group", "remove", "library", "library-01"),
    "allowed list": ("allowed", "list"),
    "allowed remove": ("allowed", "remove", "vim"),
    "inventory software": ("inventory", "software"),
    "inventory hardware": ("inventory", "hardware"),
    "inventory changes": ("inventory", "changes", "--since", "2026-11-01"),
    "inventory export": ("inventory", "export"),
    "media list": ("media", "list"),
    "media approve": ("media", "approve", "0951:1666", "--serial", "ABC", "--note", "the office"),
    "media withdraw": ("media", "withdraw", "0951:1666", "--serial", "ABC"),
    "exceptions ask": ("exceptions", "ask", "--rule", "bypass-tor", "--until", "2027-07-31", "--reason", "a lesson"),
    "exceptions list": ("exceptions", "list"),
    "exceptions withdraw": ("exceptions", "withdraw", "0" * 16),
    "coverage": ("coverage",),
    "policy show": ("policy", "show"),
    "policy rules": ("policy", "rules"),
    "policy history": ("policy", "history"),
    "policy difference": ("policy", "difference", "1"),
    "policy changes": ("policy", "changes"),
    "policy pack": ("policy", "pack", "uk-baseline", "--reason", "x"),
    "policy pause": ("policy", "pause", "keywords", "--for", "2h", "--reason", "x"),
    "policy resume": ("policy", "resume", "keywords"),
    "policy withdraw": ("policy", "withdraw", "0" * 16),
    "policy stage": ("policy", "stage", "--share", "10"),
    "policy share": ("policy", "share", "50"),
    "policy everywhere": ("policy", "everywhere"),
    "policy back": ("policy", "back", "--reason", "x"),
    "rules remove": ("rules", "remove", "own.toml", "--reason", "x"),
    "readers candidates": ("readers", "candidates"),
    "readers show": ("readers", "show"),
    "drill": ("drill", "--all"),
    "drill list": ("drill", "list"),
    "migrate": ("migrate",),
}
"""Verbs that work on a collector's folder, with what else they need."""


class Run:
    """Runs the command in this process and keeps what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str | Path) -> int:
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as end:  # How argparse ends a wrong call.
            assert isinstance(end.code, int)
            code = end.code
        said = self._capsys.readouterr()
        self.out, self.err = said.out, said.err
        assert "Traceback" not in self.err
        return code

    @property
    def json(self) -> Any:
        """What was printed, as JSON."""
        return json.loads(self.out)
