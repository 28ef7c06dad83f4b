# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables that set limits for single checks. Files with one fault each are in `corpus/bad`, held by
`test_load`."""

import pytest

from rules.check import check_files
from rules.errors import RuleFormatError
from rules.load import parse_files
from rules.settings import Accounts, Downloads, Hardware, Lock, LockLimit, Medium, Posture, Settings
from tests.rules.sample import PACK_FILE

EVERYTHING = """
[lock]
limit_s = 600
[[lock.group]]
groups = ["staff"]
limit_s = 1200
[[lock.group]]
groups = ["year-2"]
limit_s = 0

[posture]
administrators = ["root", "it-*"]
password_max_age_days = 120
update_grace_days = 7
signatures_max_age_days = 3
off_after = "18:00"
off_until = "05:30"

[hardware]
ask = true
reason = "the school's inventory of equipment"

[accounts]
ask = true
reason = "nobody uses another's account"
shared = ["year-*"]
guest = ["visitor"]

[downloads]
count_media = true
reason = "copyright"

[[medium]]
vendor_id = "0951"
product_id = "16d5"
serial = "08606E69C84B"
note = "Stick of the office"
until = "2027-07-31"
"""


def parse(text: str, file: str = "limits.toml", **more: str) -> Settings:
    """Return the settings of a policy that has this in one file."""
    return parse_files({"pack.toml": PACK_FILE, file: text} | more).settings


def test_without_tables_the_usual_limits_hold():
    """Idle sessions are locked after 15 minutes, updates have 14 days, and nobody is asked for anything."""
    assert parse_files({"pack.toml": PACK_FILE}).settings == Settings()
    assert Settings().lock.limit_s == 900
    assert Settings().posture.update_grace_days == 14
    assert not any((Settings().hardware.ask, Settings().accounts.ask, Settings().downloads.count_media))


def test_every_key_reaches_the_policy():
    """What stands in the file is what devices go by."""
    assert parse(EVERYTHING) == Settings(
        media=(
            Medium(
                vendor_id="0951",
                product_id="16d5",
                serial="08606e69c84b",
                note="Stick of the office",
                until="2027-07-31",
            ),
        ),
        lock=Lock(
            limit_s=600,
            groups=(LockLimit(groups=("staff",), limit_s=1200), LockLimit(groups=("year-2",), limit_s=0)),
        ),
        posture=Posture(
            administrators=("root", "it-*"),
            password_max_age_days=120,
            update_grace_days=7,
            signatures_max_age_days=3,
            off_after="18:00",
            off_until="05:30",
        ),
        hardware=Hardware(ask=True, reason="the school's inventory of equipment"),
        accounts=Accounts(ask=True, reason="nobody uses another's account", shared=("year-*",), guest=("visitor",)),
        downloads=Downloads(count_media=True, reason="copyright"),
    )


def test_a_table_of_the_school_takes_the_place_of_the_packs():
    """The whole table: what the school leaves out is the usual again, not the pack's."""
    files = {"school/lock.toml": "[lock]\nlimit_s = 300\n"}
    assert parse(EVERYTHING, **files).lock == Lock(limit_s=300)
    assert parse(EVERYTHING, **files).posture.off_after == "18:00"


@pytest.mark.parametrize("folder", ["", "school/"])
def test_a_table_that_is_there_twice_is_an_error(folder: str):
    """Nobody has to guess which of two holds."""
    files = {f"{folder}a.toml": "[lock]\nlimit_s = 300\n", f"{folder}b.toml": "[lock]\nlimit_s = 400\n"}
    with pytest.raises(RuleFormatError, match="is there twice") as caught:
        parse_files({"pack.toml": PACK_FILE} | files)
    assert caught.value.hint == "leave it in one of them"


def test_the_register_of_media_is_the_sum_of_all_files():
    """A device that is in two files is there once, as the later one says."""
    row = '[[medium]]\nvendor_id = "0951"\nproduct_id = "16d5"\nserial = "A1"\nnote = "{}"\n'
    files = {"school/approved-media.toml": row.format("second"), "school/other.toml": row.replace("A1", "B2")}
    assert [(each.serial, each.note) for each in parse(row.format("first"), **files).media] == [
        ("a1", "second"),
        ("b2", "{}"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[lock]\nlimit_s = 30\n", "is 30"),
        ("[lock]\nlimit_s = true\n", "is true or false"),
        ("[[lock.group]]\ngroups = ['x']\nlimit_s = 900\n[[lock.group]]\ngroups = []\nlimit_s = 9\n", "is empty"),
        ("[[lock.group]]\ngroups = ['x']\nlimit_s = 5\n", "is 5"),
        ("[lock]\nlimits = 5\n", "no such key"),
        ("[posture]\noff_after = '25:00'\n", "is '25:00'"),
        ("[posture]\nadministrators = ['it-**']\n", "two stars"),
        ("[posture]\nupdate_grace_days = -1\n", "is -1"),
        ("[hardware]\nask = true\n", "is missing"),
        ("[accounts]\nask = true\n", "is missing"),
        ("[downloads]\ncount_media = true\n", "is missing"),
        ("[[medium]]\nvendor_id = '951'\nproduct_id = '16d5'\nserial = 'x'\n", "is '951'"),
        ("[[medium]]\nvendor_id = '0951'\nproduct_id = '16d5'\n", "is missing"),
        ("[[medium]]\nvendor_id = '0951'\nproduct_id = '16d5'\nserial = 'x'\nuntil = '31.7.2027'\n", "is '31.7.2027'"),
        ("lock = 5\n", "is a whole number"),
        ("medium = { vendor_id = '0951' }\n", "is a table"),
    ],
)
def test_what_is_not_right_is_told_with_its_place(text: str, problem: str):
    """Each fault names the file, the table and what would be right; `rules check` tells it too."""
    with pytest.raises(RuleFormatError, match=problem) as caught:
        parse(text, "school/own.toml")
    assert caught.value.file == "school/own.toml"
    assert caught.value.key
    assert problem in check_files({"school/own.toml": text})[0].what


def test_a_policy_says_why_it_asks():
    """A reason stands for the question: without one, nothing leaves that only a question lets leave."""
    policy = parse_files({"pack.toml": PACK_FILE, "limits.toml": EVERYTHING})
    assert policy.find_reason("hardware") == "the school's inventory of equipment"
    assert policy.find_reason("accounts") == "nobody uses another's account"
    assert parse_files({"pack.toml": PACK_FILE}).find_reason("accounts") == ""
