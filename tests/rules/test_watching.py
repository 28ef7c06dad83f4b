# SPDX-License-Identifier: Apache-2.0
"""Tests of `[keywords]` in rule files. Files with one fault each are in `corpus/bad`, held by `test_load`."""

import json
from datetime import date
from pathlib import Path

import pytest

from agent.checks.keywords.drafts import list_current
from agent.session.messages import Setup, encode
from rules.check import check_files
from rules.errors import RuleFormatError
from rules.keywords.lexicon import load_lexicon
from rules.load import parse_files
from rules.model import Keywords
from rules.watching import GROUPS_OF_STAFF, MAX_NOTICE_CHARACTERS, list_languages
from tests.rules.sample import PACK_FILE, RULE_FILE

CORPUS = Path(__file__).parent / "corpus"
ENABLED = """[keywords]
enabled = true
dpia_reference = "DPIA-2026-04"
dpia_review_date = "2027-03-01"
notice_version = "2026-09"
notice_title = "This computer is watched"
notice_text = "What you type here is looked at by a program."
watch_groups = ["pupils"]
networks = ["10.20.0.0/16"]
"""


def parse(text: str, file: str = "school/keywords.toml") -> Keywords:
    """Return what a policy says of the keyboard that has this in one file."""
    return parse_files({"pack.toml": PACK_FILE} | {file: text}).keywords


def test_without_the_table_nobody_is_watched():
    """A policy that says nothing about the keyboard asks for nothing."""
    assert parse_files({"pack.toml": PACK_FILE}).keywords == Keywords()
    assert Keywords().enabled is False


def test_every_key_reaches_the_policy():
    """What stands in the file is what devices go by."""
    keywords = parse((CORPUS / "good" / "own-with-keywords.toml").read_text(encoding="utf-8"))

    assert (keywords.enabled, keywords.dpia_reference, keywords.dpia_review_date) == (
        True,
        "DPIA-2026-04",
        "2027-03-01",
    )
    assert keywords.notice_text.count("\n\n") == 1
    assert (keywords.watch_groups, keywords.staff_groups) == (("pupils",), ("teachers",))
    assert (keywords.languages, keywords.protected) == (("en",), ("*counselling*", "Childline*"))
    assert (keywords.days, keywords.hours) == (("mon", "tue", "sat"), "07:30-24:00")
    assert keywords.networks == ("10.20.0.0/16", "2001:db8::/32")
    assert keywords.out_of_hours_reference
    assert keywords.away_reference
    assert keywords.staff_reference


@pytest.mark.parametrize("file", ["pack.toml", "school/keywords.toml", "own.toml"])
def test_the_table_stands_in_any_one_file(file):
    """In the pack's first file, or in a file that holds nothing else."""
    files = {"pack.toml": PACK_FILE}
    files[file] = files.get(file, "") + ENABLED

    assert parse_files(files).keywords.watch_groups == ("pupils",)


def test_the_table_stands_in_one_file_of_a_layer():
    """Two of them would leave open which one holds."""
    own = RULE_FILE.format(id="one") + ENABLED
    files = {"pack.toml": PACK_FILE, "school/a.toml": ENABLED, "school/b.toml": own}

    place = r"school/b\.toml, key keywords: is there twice, first in school/a\.toml"
    with pytest.raises(RuleFormatError, match=place):
        parse_files(files)


def test_a_schools_own_table_takes_the_place_of_the_packs():
    """The whole table: what the school does not say is not taken from the pack."""
    files = {"pack.toml": PACK_FILE, "a.toml": ENABLED, "school/b.toml": "[keywords]\nenabled = false\n"}

    assert parse_files(files).keywords == Keywords()


def test_the_defaults_are_a_school_week():
    """What is left out is the narrow choice: school days and hours, no staff, no other language."""
    keywords = parse(ENABLED)

    assert (keywords.days, keywords.hours) == (("mon", "tue", "wed", "thu", "fri"), "07:00-18:00")
    assert (keywords.staff_groups, keywords.languages, keywords.networks) == ((), ("en",), ("10.20.0.0/16",))
    assert (keywords.out_of_hours_reference, keywords.away_reference) == ("", "")


@pytest.mark.parametrize("group", [*sorted(GROUPS_OF_STAFF), "Teachers", "Domain Admins", "ROOT"])
def test_staff_are_not_watched_under_the_name_of_pupils(group):
    """Well-known groups, in any case; only with a reference of their own. Whom another one holds is not known here."""
    text = ENABLED.replace('"pupils"', f'"pupils", "{group}"')
    with pytest.raises(RuleFormatError, match=r"watch_groups: holds .*, a group of staff"):
        parse(text)
    assert parse(text + 'staff_reference = "Agreed on 2 May"\n').watch_groups == ("pupils", group)


ALL_DAYS = 'days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\n'


@pytest.mark.parametrize("times", ['hours = "00:00-24:00"\n', 'hours = "06:00-20:01"\n', ALL_DAYS])
def test_who_is_watched_out_of_school_is_told_the_ground(times):
    """Longer than any school day or without a day of rest is no school time, whatever it is called."""
    with pytest.raises(RuleFormatError, match="out_of_hours_reference: is missing, for more than 14 hours"):
        parse(ENABLED + times)
    assert parse(ENABLED + times + 'out_of_hours_reference = "Boarders"\n').enabled
    assert parse(ENABLED + 'hours = "06:00-20:00"\n').enabled


def test_who_is_watched_at_home_is_told_the_ground():
    """Without the school's networks everywhere would be school."""
    everywhere = ENABLED.replace("networks", "# networks")
    with pytest.raises(RuleFormatError, match="networks: is missing, so people would be watched everywhere"):
        parse(everywhere)
    assert parse(everywhere + 'away_reference = "Loan laptops"\n').networks == ()
    assert parse(everywhere.replace("enabled = true", "enabled = false")).networks == ()


def test_a_table_that_is_being_written_is_taken():
    """Nothing is required before it is switched on."""
    assert parse('[keywords]\nnotice_version = "1"\n') == Keywords(notice_version="1")


def test_a_notice_has_room_and_a_limit():
    """More than a line, less than what a watcher can be told in one message."""
    long = ENABLED.replace("What you type here is looked at by a program.", "a" * 1900)
    assert len(parse(long).notice_text) == 1900
    lines = "\\n".join(["a" * 200] * (MAX_NOTICE_CHARACTERS // 200 + 1))
    too_long = ENABLED.replace("What you type here is looked at by a program.", f'""\n{lines}\n""'.replace("\\n", "\n"))
    with pytest.raises(RuleFormatError, match="is longer than 3000 characters"):
        parse(too_long)
    patterns = ", ".join(f'"*{number:03}{"ß" * 100}*"' for number in range(100))
    broken = patterns.replace(", ", ",\n")
    with pytest.raises(RuleFormatError, match=r"keywords\.protected: the notice, protected and drafts have \d+ bytes"):
        parse(ENABLED + f"protected = [\n{broken}\n]\n")


DRAFT = """[[keywords.draft]]
id = "draft-number-{}"
why = "To try it."
texts = [{}]
first = "2026-11-20"
last = "2026-12-05"
"""


def write_drafts(count: int) -> str:
    """Return so many drafts, each as large as one may be but in letters of one byte."""
    texts = (
        ", ".join(f"'{number:02} {text:02} {'going country ' * 4:.52}'" for text in range(20))
        for number in range(count)
    )
    return "".join(DRAFT.format(number, each.replace(", ", ",\n")) for number, each in enumerate(texts))


def test_drafts_count_into_what_a_watcher_can_be_told():
    """More than one message holds would keep every watcher from starting, so it is refused before anybody agrees."""
    with pytest.raises(RuleFormatError, match=r"keywords\.draft: the notice, protected and drafts have \d+ bytes"):
        parse(ENABLED + write_drafts(12))


@pytest.mark.parametrize("text", ["plain", '"' * 900, "🙂" * 900, "a\n" * 600])
def test_whatever_is_taken_fits_into_one_message(text):
    """Quotes, lines and letters of four bytes count as the message has them."""
    notice = json.dumps(text, ensure_ascii=False)
    keywords = parse(ENABLED.replace('"What you type here is looked at by a program."', notice) + write_drafts(5))
    setup = Setup(
        keywords.languages,
        keywords.notice_version,
        keywords.notice_title,
        keywords.notice_text,
        is_accepted=False,
        protected=keywords.protected,
        drafts=list_current(keywords, date(2026, 11, 23)),
    )

    assert len(setup.drafts) == 100
    assert encode(setup)


def test_a_language_is_one_that_watchers_have_phrases_of():
    """English is taken without looking, so it has to be there; of another nobody could be watched."""
    assert "en" in list_languages()
    assert all(load_lexicon([each]) for each in list_languages())
    with pytest.raises(RuleFormatError, match="languages: holds 'zz', of which no phrases come with the product"):
        parse(ENABLED + 'languages = ["en", "zz"]\n')


def test_a_school_is_told_before_it_publishes():
    """`rules check` finds it, beside the rules' own problems and once only."""
    (problem,) = check_files({"keywords.toml": ENABLED.replace("2027-03-01", "soon")})

    assert (problem.file, problem.what) == ("keywords.toml", "keywords.dpia_review_date: is 'soon'")
    assert problem.hint == "year, month and day: 2027-03-01"
    assert check_files({"keywords.toml": ENABLED}) == []
