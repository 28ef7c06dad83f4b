# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.check."""

from pathlib import Path

import pytest

from rules.check import Problem, check_files
from rules.load import list_packs, load_folder_or_file, load_pack
from tests.rules.sample import RULE_FILE, make_files
from tests.rules.test_load import make_policy

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", list_packs())
def test_every_pack_is_sound(name):
    """What comes with the product has no fault, and its tests hold."""
    assert check_files(load_pack(name)) == []


def test_a_school_has_other_lessons_than_its_pack():
    """The tests of a pack are about the pack's own day, and hold whatever the school's timetable is."""
    day = '[timetable]\n[[timetable.period]]\nkind = "lesson"\nname = "All day"\nfrom = "00:00"\nto = "23:59"\n'
    files = load_pack("bexton") | {"school/timetable.toml": day}

    assert check_files(files) == []


def test_a_school_has_its_examinations_at_another_time_than_its_pack():
    """So it is with profiles: the school's own dates hold in force, the pack's in the pack's tests."""
    exams = '[[profile]]\nid = "exams"\ntitle = "Exams"\nfirst = "{0}"\nlast = "{0}"\nwhy = "Quiet."\n'
    times = '[rule.times]\nexcept_profiles = ["exams"]\n\n[[rule.program]]'
    rule = RULE_FILE.format(id="one").replace("[[rule.program]]", times)
    in_exams = 'at = "2027-05-12T10:00"\nevent = { kind = "program.started", "program.name" = "tor", '
    pack = rule + '\n[[rule.test]]\nname = "exams"\nexpect = "silent"\n' + in_exams + '"program.source" = "process" }\n'
    files = make_files() | {"one.toml": pack + exams.format("2027-05-12")}

    assert check_files(files) == []
    assert check_files(files | {"school/exams.toml": exams.format("2027-06-01")}) == []


@pytest.mark.parametrize("path", sorted((CORPUS / "good").glob("own-*.toml")), ids=lambda path: path.stem)
def test_a_file_alone_needs_no_pack(path):
    """A school checks its own file before it adds it."""
    assert check_files(load_folder_or_file(path)) == []


@pytest.mark.parametrize("path", sorted((CORPUS / "good").glob("*.toml")), ids=lambda path: path.stem)
def test_a_file_that_changes_a_pack_is_checked_with_it(path):
    """The tests of the rules beneath are run again, on the rules as they are with it."""
    assert check_files(make_policy(path.name, path.read_text("utf-8"))) == []


def test_a_file_alone_that_changes_a_pack_is_told_how_it_is_checked():
    """Without the rule beneath nobody can say whether the change holds."""
    (problem, *_) = check_files(load_folder_or_file(CORPUS / "good" / "school-changes.toml"))

    assert problem.hint == "check it with the pack that it changes: rules check --pack NAME"


@pytest.mark.parametrize("path", sorted((CORPUS / "bad").glob("*.toml")), ids=lambda path: path.stem)
def test_every_fault_is_a_problem_with_its_place(path):
    """Whatever is refused when a policy is made is a problem beforehand."""
    is_pack = path.stem.startswith("pack-") and path.stem != "pack-table-in-rule-file"
    file = "pack.toml" if is_pack else path.name

    (problem,) = check_files(make_policy(file, path.read_text("utf-8")))

    assert problem.file == file
    assert problem.what
    assert problem.message.startswith(file)


def test_a_file_with_a_pack_beside_it_is_checked_with_it():
    """An id that the pack has already is found."""
    problems = check_files(make_files("one") | {"school/own.toml": RULE_FILE.format(id="one")})

    assert problems == [
        Problem("school/own.toml", "one", "id: is there twice, first in one.toml", "give it another id")
    ]


def test_several_files_without_a_pack_are_a_problem():
    """A folder of rules is meant to be a whole policy."""
    files = make_files("one", "two")
    del files["pack.toml"]

    (problem,) = check_files(files)
    assert (problem.file, problem.what) == ("pack.toml", "is missing")
    assert problem.hint.endswith("a school's own files are checked with theirs: --pack NAME")


def test_a_file_alone_may_be_about_people():
    """Whether its pack asks who is there is not known; the file can say that it does not."""
    text = RULE_FILE.format(id="own").replace("[[rule.program]]", '[rule.who]\nroles = ["pupil"]\n\n[[rule.program]]')

    assert check_files({"own.toml": text}) == []
    (problem,) = check_files({"own.toml": text + "[accounts]\nask = false\n"})
    assert problem.what.startswith("who.roles: nobody ever knows who is there")


def test_all_problems_are_returned():
    """Mending a file is not a round of guesses: pack, TOML, rules and tests are all told at once."""
    wrong_test = RULE_FILE.format(id="wrong").replace('"program.name" = "gedit"', '"program.name" = "tor"')
    files = {
        "a.toml": "= =",
        "b.toml": RULE_FILE.format(id="Bad") + RULE_FILE.format(id="also_bad"),
        "c.toml": wrong_test,
        "pack.toml": "[pack]\n",
    }

    problems = check_files(files)

    assert [(problem.file, problem.rule) for problem in problems] == [
        ("a.toml", ""),
        ("b.toml", "Bad"),
        ("b.toml", "also_bad"),
        ("c.toml", "wrong"),
        ("pack.toml", ""),
    ]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('name" = "tor"', 'name" = "gedit"', "test 'it is started': the rule should match and is silent"),
        (
            'name" = "gedit"',
            'name" = "tor"',
            "test 'another is started': the rule should be silent and matches (Tor by executable)",
        ),
    ],
)
def test_a_test_that_fails_is_a_problem(old, new, what):
    """A rule that does not do what its own test says does not go live."""
    (problem,) = check_files(make_files() | {"own.toml": RULE_FILE.format(id="own").replace(old, new)})

    assert (problem.file, problem.rule, problem.what) == ("own.toml", "own", what)


def test_a_test_of_a_rule_without_programs_can_fail_too():
    """The message then names no program."""
    text = (CORPUS / "good" / "own-conditions.toml").read_text(encoding="utf-8")

    problems = check_files({"own.toml": text.replace("cpu_percent = 2.5", "cpu_percent = 52.5")})

    assert [problem.what for problem in problems] == ["test 'hardly busy': the rule should be silent and matches"]


def test_a_problem_is_plain_values():
    """The command line prints it as JSON."""
    assert Problem("own.toml", "own", "severity: is 7", "1 to 5").to_json() == {
        "file": "own.toml",
        "rule": "own",
        "what": "severity: is 7",
        "hint": "1 to 5",
    }


def test_nothing_is_a_problem():
    """No files at all are not a sound policy."""
    assert [problem.file for problem in check_files({})] == ["pack.toml"]
