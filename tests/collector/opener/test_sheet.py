# SPDX-License-Identifier: Apache-2.0
"""Tests of the recovery sheet: what stands on it, and that a name cannot write into it."""

import re

import pyrage

from collector.opener.recovery import make_recovery
from collector.opener.root import make_root
from collector.opener.sheet import make_checksum, render_sheet

ROOT = make_root("<b>St Mary's</b> \u202e$words", [str(pyrage.x25519.Identity.generate().to_public())])
HOLDERS = ("headteacher", "chair", "trust <script>lead")
RECOVERY, SHARES = make_recovery("dsl", HOLDERS)
PAGE = render_sheet(RECOVERY, 2, SHARES[2], root=ROOT, now_ns=1_790_000_000 * 10**9)


def test_names_cannot_write_into_the_sheet() -> None:
    """Markup, the template's own marks and bidi marks are shown as what they are."""
    assert "&lt;b&gt;St Mary&#x27;s&lt;/b&gt; [U+202E]$words" in PAGE
    assert "<script" not in PAGE


def test_sheet_has_its_words_numbered_and_all_that_is_needed_in_ten_years() -> None:
    """Words, place, holder, route, date, fingerprint, checksum, and how it is used."""
    words = re.findall(r"<li><b>(\d+)</b> ([a-z]+)</li>", PAGE)
    assert words == [(str(number), word) for number, word in enumerate(SHARES[2].split(), 1)]
    facts = ["3 of 3", "For: trust &lt;script&gt;lead.", "21 September 2026", ROOT.shown, make_checksum(SHARES[2])]
    assert [fact for fact in facts if fact not in PAGE] == []
    assert "schoolwarden-open recovery open --route dsl FLAG.json" in PAGE


def test_sheet_loads_nothing_and_runs_nothing() -> None:
    """A page with a secret on it asks nobody for anything, and its browser is told so."""
    assert not re.search(r"src=|href=|url\(|@import|https?:", PAGE)
    assert "default-src 'none'" in PAGE


def test_sheet_does_not_hold_the_words_of_another() -> None:
    """Only what the three have in common: a share's first words name its set."""
    mine, other = SHARES[2].split(), SHARES[0].split()
    assert not set(other[4:]) <= set(re.findall(r"[a-z]+", PAGE))
    assert mine[:2] == other[:2]
