# SPDX-License-Identifier: Apache-2.0
"""Tests of the windows in which nothing is read."""

import pytest

from agent.session.protected import Protected

FLOOR = """
Childline | Talk to us - Chromium
1-2-1 counsellor chat | CHILDLINE
Samaritans : Write to us
Kooth - Mozilla Firefox
Contact us | Papyrus UK
NHS 111 online - Chromium
My health record
Bitwarden
passwords.kdbx [Locked] - KeePassXC
1Password
Barclays Online Banking
CPOMS - Dashboard
MyConcern
Report a concern - Hillside School
Sign in - Google Accounts
Log in to Hillside Moodle
pupil@lab-3: sudo apt
Authentication Required
Bitte melden Sie sich an: Anmelden
Вход в систему
Reset your password
""".strip().splitlines()

CLASSES = ["KeePassXC", "polkit-gnome-authentication-agent-1", "i3lock", "Pinentry-gtk-2", "Gcr-prompter"]

ORDINARY = """
My essay - LibreOffice Writer
WhatsApp - Chromium
Sandbanks and rivers: geography
Documents
Minecraft
Discord | #general
The resume of a pirate
Signal
Untitled - Mousepad
""".strip().splitlines()


@pytest.mark.parametrize("title", FLOOR)
def test_the_floor_is_protected(title: str) -> None:
    """Help lines, health, passwords, money, reports and sign-ins are known by their titles, in any case."""
    assert Protected().is_protected("Chromium", title)
    assert Protected().is_protected("Chromium", title.upper())


@pytest.mark.parametrize("application", CLASSES)
def test_the_floor_knows_programs(application: str) -> None:
    """Password managers, prompts and lockers are known by their class, whatever their title says."""
    assert Protected().is_protected(application, "")


@pytest.mark.parametrize("title", ORDINARY)
def test_ordinary_windows_are_read(title: str) -> None:
    """A word inside another word protects nothing."""
    assert not Protected().is_protected("Essay", title)


def test_a_school_only_adds() -> None:
    """Patterns of a school protect more windows; none of them can open one of the floor or close everything."""
    protected = Protected(["Diary*", " the  garden project ", "*", ""])
    assert protected.is_protected("Notes", "My diaryland")
    assert protected.is_protected("Notes", "Chat of the Garden Project")
    assert protected.is_protected("Chromium", "Childline")
    assert not protected.is_protected("Notes", "Shopping")


@pytest.mark.parametrize(
    ("pattern", "title", "is_protected"),
    [
        ("report?here", "Report here - School", True),
        ("report?here", "report-here", True),
        ("report?here", "reporthere", False),
        ("report?here", "report it here", False),
        ("report*here", "Report it here", True),
        ("report*here", "report, for heretics, here", True),
        ("report*here", "report heretics", False),
        ("*here*", "Nowhere", True),
        ("speak*to*us", "speak with all of us to nobody, us", True),
        ("?iary", "My diary", True),
        ("?iary", "iary", False),
        ("a+b", "aab", False),
        ("?", "Notes", False),
    ],
)
def test_wildcards_mean_what_they_mean_in_rules(pattern: str, title: str, is_protected: bool) -> None:
    """`*` is any text and `?` one character, between whole words; nothing else is special."""
    assert Protected([pattern]).is_protected("Essay", title) is is_protected
