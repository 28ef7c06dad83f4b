# SPDX-License-Identifier: Apache-2.0
"""Targets: what a school writes, what pupils type, and what a matching rule makes of a device's words."""

from functools import cache

from proto.errors import UntrustedInputError
from proto.events import KINDS
from proto.wire import decode_body, encode_body
from rules.errors import RuleFormatError, RulesError
from rules.evaluate import Evaluator
from rules.keywords.lexicon import load_lexicon, parse_lexicon
from rules.keywords.match import Matcher
from rules.keywords.normalise import normalise
from rules.likeness import parse_sketch
from rules.load import compose, load_pack, parse_files
from rules.names import to_extension_id, to_name, to_path, to_python_package
from rules.wildcard import find_fault, to_regex
from tests.fuzz.target import Target, to_text
from tests.proto.samples import SAMPLES
from tests.tree import ROOT

POLICIES = ROOT / "tests" / "rules" / "corpus"
FILE_MARK = "#: "
"""Before the name of a file, on a line of its own, where one input is several files."""
LEXICONS = sorted((ROOT / "rules" / "lexicons" / "en").glob("*.toml"))[:6]
PACK_FILE = '[pack]\nid = "fuzz"\ntitle = "Fuzz"\n'
KIND_NAMES = sorted(KINDS)


@cache
def load_evaluator() -> Evaluator:
    """Return the rules that are shipped, ready to match."""
    return Evaluator(parse_files(load_pack("uk-baseline")))


@cache
def make_matcher() -> Matcher:
    """Return the words that are shipped, ready to match."""
    return Matcher(load_lexicon(["en"]))


def run_rules(data: bytes) -> None:
    """A school's own rule file. A mistake is named with its file."""
    try:
        parse_files({"pack.toml": PACK_FILE, "own.toml": data.decode("utf-8", "replace")})
    except RuleFormatError as error:
        assert "own.toml" in str(error) or error.hint


def to_files(text: str) -> dict[str, str]:
    """Return the files of a policy that is written in one text; what comes before the first name is the school's."""
    own, *others = text.split(f"\n{FILE_MARK}")
    parts = [each.partition("\n") for each in others]
    return {"school/own.toml": own, **{name: rest for name, _, rest in parts}}


def run_layers(data: bytes) -> None:
    """Packs upon packs and the school upon them. What is not right has a place, what is right is one policy."""
    files = load_beneath() | to_files(data.decode("utf-8", "replace"))
    policy, problems = compose(files)
    assert all(error.file or error.hint for error in problems)
    if not problems:
        assert parse_files(dict(reversed(files.items()))) == policy
        assert len({rule.id for rule in policy.rules}) == len(policy.rules)
        Evaluator(policy)


@cache
def load_beneath() -> dict[str, str]:
    """Return a pack upon another one, whose rules can be changed."""
    pack = {"pack.toml": PACK_FILE + 'extends = "beneath"\n'}
    return pack | {f"beneath/{path.name}": path.read_text("utf-8") for path in (POLICIES / "beneath").glob("*.toml")}


def list_policies() -> tuple[bytes, ...]:
    """Return every policy of several files in the corpus of the tests, and every sound file of it."""
    texts = [path.read_text("utf-8") for path in sorted((POLICIES / "good").glob("*.toml"))]
    for folder in sorted((POLICIES / "policies").iterdir()):
        files = [
            (path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in sorted(folder.rglob("*.toml"))
        ]
        texts.append("".join(f"\n{FILE_MARK}{name}\n{text}" for name, text in files))
    return tuple(text.encode() for text in texts)


def run_match(data: bytes) -> None:
    """The first byte chooses a kind; the rules that are shipped judge whatever a device says in it."""
    kind = KIND_NAMES[data[0] % len(KIND_NAMES)] if data else KIND_NAMES[0]
    content = decode_body(kind, data[1:])
    for match in load_evaluator().match(kind, content):
        assert match.rule.id


def run_typed(data: bytes) -> None:
    """Whatever is typed: hits lie within the text."""
    text = to_text(data)
    for hit in make_matcher().find(text):
        assert 0 <= hit.start < hit.end <= len(text)


def run_normalise(data: bytes) -> None:
    """Every place in the folded text leads back into the text."""
    text = to_text(data)
    folded = normalise(text)
    if folded.text:
        first, last = folded.to_original(0, len(folded.text))
        assert 0 <= first <= last <= len(text)


def run_names(data: bytes) -> None:
    """Names are folded once: to fold them again changes nothing."""
    text = to_text(data)
    for fold in (to_name, to_python_package, to_path):
        assert fold(fold(text)) == fold(text)
    to_extension_id(text)


def run_wildcard(data: bytes) -> None:
    """A pattern that is found to be without a fault can be compiled."""
    import re

    text = to_text(data)
    if find_fault(text) is None:
        re.compile(to_regex(text))


def list_rule_files() -> tuple[bytes, ...]:
    """Return the files of the pack that is shipped."""
    return tuple(text.encode() for text in load_pack("uk-baseline").values())


TARGETS = (
    Target(
        name="rules",
        run=run_rules,
        refuses_with=(RulesError,),
        modules=(
            *("rules.load", "rules.grammar", "rules.program_grammar", "rules.condition_grammar", "rules.rule_tests"),
            *("rules.settings_grammar", "rules.table", "rules.watching"),
        ),
        seeds=(
            *(each[:3000] for each in list_rule_files()),
            *(path.read_bytes() for path in sorted((POLICIES / "good").glob("own-*.toml"))),
            b'[[rule]]\nid = "a"\ntitle = "A"\non = ["program.started"]\nseverity = 3\nprograms = [{ name = "tor" }]\n',
            b"[lock]\nafter_s = 900\n",
        ),
    ),
    Target(
        name="layers",
        run=run_layers,
        refuses_with=(RulesError,),
        modules=(
            *("rules.agreement", "rules.arrangements_grammar", "rules.change_grammar", "rules.circumstances_grammar"),
            *("rules.counting_grammar", "rules.layers", "rules.responses_grammar", "rules.timetable_grammar"),
        ),
        seeds=list_policies(),
    ),
    Target(
        name="match",
        run=run_match,
        refuses_with=(UntrustedInputError,),
        modules=("rules.evaluate",),
        seeds=tuple(bytes([KIND_NAMES.index(kind)]) + encode_body(each) for kind, each in SAMPLES.items()),
    ),
    Target(
        name="lexicon",
        run=lambda data: parse_lexicon({"own.toml": data.decode("utf-8", "replace")}),
        refuses_with=(RulesError,),
        modules=("rules.keywords.lexicon",),
        seeds=tuple(path.read_bytes()[:3000] for path in LEXICONS),
    ),
    Target(
        name="typed",
        run=run_typed,
        modules=("rules.keywords.match", "rules.keywords.normalise"),
        seeds=(b"i want to d1e", "k\u0131ll my\u200bself".encode(), "\U0001d4f2 w a n t".encode()),
        max_bytes=600,
    ),
    Target(name="normalise", run=run_normalise, modules=("rules.keywords.normalise",), max_bytes=600),
    Target(
        name="names",
        run=run_names,
        modules=("rules.names",),
        seeds=(b"Tor_Browser.EXE", b"C:\\Users\\a\\..\\b", "I\u0307nstall".encode()),
        max_bytes=600,
    ),
    Target(
        name="wildcard", run=run_wildcard, modules=("rules.wildcard",), seeds=(b"tor*", b"*/tor-[0-9]?"), max_bytes=300
    ),
    Target(
        name="sketch",
        run=lambda data: parse_sketch(to_text(data)),
        modules=("rules.likeness",),
        seeds=(b"1:" + b"c0ffee00" * 8,),
    ),
)
