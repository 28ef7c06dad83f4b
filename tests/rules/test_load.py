# SPDX-License-Identifier: Apache-2.0
"""Tests of rules.load, with a corpus of rule files: sound ones, and ones with one fault each."""

import os
from pathlib import Path

import pytest

from rules.change_grammar import MAX_RULES
from rules.errors import RuleFormatError, RulesError
from rules.load import (
    MAX_FILE_BYTES,
    MAX_FILES,
    compose,
    list_packs,
    load_coverage,
    load_folder_or_file,
    load_pack,
    parse_files,
)
from tests.rules.sample import PACK_FILE, RULE_FILE, make_files

CORPUS = Path(__file__).parent / "corpus"
UPON = PACK_FILE + 'extends = "beneath"\n'


def names_of(folder: str) -> list[str]:
    """Return the files of one half of the corpus."""
    return sorted(file.name for file in (CORPUS / folder).glob("*.toml"))


def make_policy(file: str, text: str) -> dict[str, str]:
    """Return a pack of one file, upon another pack if it speaks of rules beneath; or a pack file alone."""
    if "lower-" not in text:
        return {"pack.toml": PACK_FILE} | {file: text}
    beneath = {f"beneath/{each.name}": each.read_text("utf-8") for each in (CORPUS / "beneath").glob("*.toml")}
    return {"pack.toml": UPON, file: text} | beneath


@pytest.mark.parametrize("name", names_of("good"))
def test_a_sound_file_is_read(name):
    """Everything that the format allows is taken, and the rules know their file."""
    text = (CORPUS / "good" / name).read_text(encoding="utf-8")

    policy = parse_files(make_policy(name, text))

    assert {rule.file for rule in policy.rules} <= {name, "beneath/rules.toml"}


@pytest.mark.parametrize("name", names_of("bad"))
def test_a_file_with_a_fault_is_refused_with_a_reason(name):
    """The first line of each file is the error: its place, what is wrong, and in brackets what would be right."""
    text = (CORPUS / "bad" / name).read_text(encoding="utf-8")
    is_pack = text.find("[pack]") >= 0 and "[[rule]]" not in text
    file = "pack.toml" if is_pack else name

    _, (error, *others) = compose(make_policy(file, text))

    place, _, _ = error.message.partition(":")
    assert place.startswith(file)
    said = error.message.removeprefix(file).lstrip(",: ")
    assert f"# {said}" + (f" ({error.hint})" if error.hint else "") == text.splitlines()[0]
    assert others == []


def test_policy_has_what_was_given():
    """The allow list and the version come from outside the files; names are folded as devices fold them."""
    policy = parse_files(make_files("one", "two"), approved=["Firefox.EXE", "gedit"], version=7)

    assert [rule.id for rule in policy.rules] == ["one", "two"]
    assert (policy.pack, policy.title, policy.version) == ("sample", "Sample", 7)
    assert policy.approved == {"firefox", "gedit"}
    assert policy.inventory.ask is False


def test_inventory_is_asked_for_with_a_reason():
    """The question and its ground reach the policy together."""
    pack = PACK_FILE + '[inventory]\nask = true\nreason = "WE-02"\n'

    policy = parse_files({"pack.toml": pack})

    assert (policy.inventory.ask, policy.inventory.reason) == (True, "WE-02")


def test_files_without_a_pack_are_refused():
    """A policy says which pack it is."""
    files = make_files("one")
    del files["pack.toml"]

    with pytest.raises(RuleFormatError, match=r"pack\.toml: is missing"):
        parse_files(files)


def test_a_rule_of_a_school_cannot_take_the_id_of_another():
    """An id names one rule over all files."""
    files = make_files("one") | {"school/own.toml": RULE_FILE.format(id="one")}

    place = r"school/own\.toml, rule one, key id"
    with pytest.raises(RuleFormatError, match=f"{place}: is there twice, first in one.toml"):
        parse_files(files)


def test_all_faults_are_returned_and_sound_rules_beside_them():
    """One bad rule does not hide another, nor a good one in the same file."""
    text = RULE_FILE.format(id="good") + RULE_FILE.format(id="Bad") + RULE_FILE.format(id="also-good")

    policy, problems = compose({"pack.toml": PACK_FILE, "own.toml": text, "broken.toml": "= ="})

    assert [rule.id for rule in policy.rules] == ["good", "also-good"]
    assert [(problem.file, problem.rule) for problem in problems] == [("broken.toml", ""), ("own.toml", "Bad")]


def test_a_file_has_a_limit():
    """A hostile file is refused before it is read as TOML."""
    comment = "#" * 99 + "\n"
    files = make_files("one") | {"large.toml": comment * (MAX_FILE_BYTES // len(comment) + 1)}

    with pytest.raises(RuleFormatError, match=r"large\.toml: is larger than 256 KiB"):
        parse_files(files)


def test_rules_have_a_limit_over_all_files():
    """A policy cannot grow until devices are busy with nothing else."""
    text = RULE_FILE.format(id="first") + "".join('[[rule]]\nid = "x"\n' for _ in range(3))
    many = "".join(RULE_FILE.format(id=f"rule-{number}") for number in range(MAX_RULES // 4))
    files = make_files() | {f"part-{part}.toml": many.replace("rule-", f"r{part}-") for part in range(4)}

    assert len(parse_files(files).rules) == MAX_RULES
    with pytest.raises(RuleFormatError, match="more than 1000 rules"):
        parse_files(files | {"z.toml": text})


def test_files_have_a_limit():
    """Neither can the number of files."""
    with pytest.raises(RuleFormatError, match="more than 100"):
        parse_files(make_files(*(f"rule-{number}" for number in range(MAX_FILES))))


@pytest.mark.parametrize("name", ["own", "../own.toml", "own toml.toml", "/etc/own.toml", "a/b/own.toml", "ow\nn.toml"])
def test_a_file_has_an_ordinary_name(name):
    """The name of a file is shown to people and kept in bundles."""
    with pytest.raises(RuleFormatError, match="is no name for a rule file"):
        parse_files(make_files() | {name: RULE_FILE.format(id="own")})


def test_a_number_of_thousands_of_digits_is_refused():
    """Python itself refuses it with an error of another family."""
    text = RULE_FILE.format(id="own").replace("severity = 3", "severity = " + "9" * 1900 + "\nx = " + "1" * 1900)

    with pytest.raises(RuleFormatError):
        parse_files(make_files() | {"own.toml": text})


def test_text_that_is_no_unicode_is_refused():
    """A lone half of a character could not be signed."""
    with pytest.raises(RuleFormatError, match="cannot be seen"):
        parse_files(make_files() | {"own.toml": RULE_FILE.format(id="own").replace("To test", "\udcff test")})


def test_the_baseline_comes_with_the_product():
    """The pack that every school starts from is found by its name."""
    assert "uk-baseline" in list_packs()
    assert {"pack.toml", "bypass.toml", "cracking.toml"} <= load_pack("uk-baseline").keys()


def test_a_pack_comes_with_the_packs_beneath_it():
    """Its own files have no folder, those beneath that of their pack; all of them together are a policy."""
    files = load_pack("bexton")

    beneath = {f"uk-baseline/{name}": text for name, text in load_pack("uk-baseline").items()}
    assert beneath.items() <= files.items()
    assert {name for name in files if "/" in name} == beneath.keys()
    assert parse_files(files).parents == ("uk-baseline",)


@pytest.mark.parametrize("name", list_packs())
def test_a_pack_is_called_as_its_folder(name):
    """One name does for the folder, the bundle and the command line."""
    assert parse_files(load_pack(name)).pack == name


def test_coverage_is_for_people_and_in_no_policy():
    """What carries which clause out is read beside the pack, and never travels to devices."""
    assert {row.clause[:2] for row in load_coverage("bexton")} == {"BX"}
    assert load_coverage("uk-baseline") == []
    assert "coverage.toml" not in load_pack("bexton")


def test_coverage_of_an_unknown_pack_is_refused_with_a_hint():
    """As with the pack itself, a name that is not in the list opens no file."""
    with pytest.raises(RulesError, match="there is no rule pack") as caught:
        load_coverage("bexten")

    assert caught.value.hint == "did you mean bexton?"


@pytest.mark.parametrize("name", ["uk-basline", "", "..", "../packs/uk-baseline", "/"])
def test_an_unknown_pack_is_refused_with_a_hint(name):
    """A name that is not in the list opens no file."""
    with pytest.raises(RulesError, match="there is no rule pack") as caught:
        load_pack(name)

    assert "uk-baseline" in caught.value.hint


def test_a_folder_is_read_without_the_folders_inside(tmp_path):
    """The rule files of a folder are those in it."""
    for name, text in make_files("one").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no rule file")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "two.toml").write_text("= =")

    assert load_folder_or_file(tmp_path) == make_files("one")


def test_a_draft_of_a_pack_is_read_with_the_packs_beneath_it(tmp_path):
    """A school that writes a pack of its own has it checked with all that it changes; its coverage is no rule file."""
    (tmp_path / "pack.toml").write_text(PACK_FILE + 'extends = "bexton"\n', encoding="utf-8")
    (tmp_path / "coverage.toml").write_text("= =", encoding="utf-8")

    files = load_folder_or_file(tmp_path)

    assert {"pack.toml", "bexton/pack.toml", "uk-baseline/bypass.toml"} <= files.keys()
    assert "coverage.toml" not in files
    assert parse_files(files).parents == ("bexton", "uk-baseline")


def test_a_draft_upon_a_pack_that_there_is_not_is_refused_with_those_there_are(tmp_path):
    """A typing error in the one line that matters most is told at once."""
    (tmp_path / "pack.toml").write_text(PACK_FILE + 'extends = "bexten"\n', encoding="utf-8")

    with pytest.raises(RuleFormatError, match=r"pack\.toml, key pack\.extends: there is no pack 'bexten'") as caught:
        load_folder_or_file(tmp_path)

    assert caught.value.hint == "did you mean bexton?"


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path):
    """The mark in front and the line ends of Windows make no difference."""
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RULE_FILE.format(id="own").replace("\n", "\r\n").encode())

    policy = parse_files({"pack.toml": PACK_FILE} | load_folder_or_file(path))

    assert [rule.id for rule in policy.rules] == ["own"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff\xfe", "is not UTF-8 text"), (b"#" * (MAX_FILE_BYTES + 1), "is larger than"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content, reason):
    """The operator hears what is wrong with the file, with a hint."""
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(RuleFormatError, match=reason) as caught:
        load_folder_or_file(path)

    assert caught.value.hint


def test_an_empty_folder_is_refused(tmp_path):
    """Nothing checked is not the same as nothing wrong."""
    with pytest.raises(RuleFormatError, match="holds no rule file"):
        load_folder_or_file(tmp_path)


def test_a_pipe_under_the_name_of_a_rule_file_is_refused(tmp_path):
    """A thing that never ends is not waited for."""
    path = tmp_path / "own.toml"
    os.mkfifo(path)

    with pytest.raises(RuleFormatError, match="is no file"):
        load_folder_or_file(path)
