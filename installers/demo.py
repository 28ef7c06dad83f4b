# SPDX-License-Identifier: Apache-2.0
"""The safeguarding side of the local run: made-up people, two readers of flags, and a policy that says it is a demo.

What takes a real school an hour with four people is done here by one program in one folder, so the passphrases lie in
that folder too: nothing that is protected by them is secret. `local` runs it once, before this machine enrols, because
a device pins the safeguarding root at its enrolment.
"""

import base64
import getpass
import grp
import json
import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.config import load_config
from collector.identities import keep_identity
from collector.store.engine import open_checked_engine
from proto.files import make_private_folder

READERS = {"dsl": "dsl", "head": "headteacher"}
"""Name at the console and role. Two, which is the fewest under which anybody is watched."""

PEOPLE = """person_id,name,kind,roles,year_group,class,accounts,aliases,user_name,from,until
demo-1,Demo Pupil One,pupil,,7,7A,directory:demo.one,,,,
demo-2,Demo Pupil Two,pupil,,8,8B,directory:demo.two,,,,
demo-3,Year 9 shared account,shared,,9,,directory:demo.year9,,,,
demo-4,Demo Lead,staff,dsl,,,directory:demo.lead,Ms Lead|the safeguarding lead,dsl,,
demo-5,Demo Head,staff,headteacher,,,directory:demo.head,Mr Head|the head,head,,
demo-6,Demo Technician,staff,technician,,,directory:demo.tech,,,,
"""

KEYWORDS = """# DEMO. Not a school's policy: the impact assessment it names does not exist.
[keywords]
enabled = true
dpia_reference = "DEMO: no impact assessment was made"
dpia_review_date = "{review_date}"
notice_version = "demo-1"
notice_title = "Demo: what you type is checked"
notice_text = \"\"\"
This is a demonstration of Schoolwarden on this computer.

While the sign is in sight, a program on this computer compares what is typed with a list of words that worry adults. \\
A sentence with such words is sealed to the demo's two readers and sent to the collector on this computer. \\
Nothing else that is typed is kept.
\"\"\"
watch_groups = [{group}]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
hours = "00:00-24:00"
out_of_hours_reference = "DEMO: to be seen at any hour"
away_reference = "DEMO: to be seen on any network"
"""

REVIEWED_AFTER_DAYS = 300

Run = Callable[..., str]
"""Runs one of our commands with its arguments and what is said to it, and returns what it printed."""


@dataclass(frozen=True, slots=True)
class DemoReader:
    """A reader of the demo, with the passphrase that a real one keeps to himself."""

    name: str
    passphrase: str
    one_time_password: str


def set_up(folder: Path, collector: Path, run: Run, add_user: Callable[[str, str], str]) -> list[DemoReader]:
    """Make people, keys, root, signed readers and policy; `folder` must not hold an unfinished set-up.

    Raises:
        LocalRunError: a command failed.
    """
    make_private_folder(folder)
    passwords = {name: add_user(name, role) for name, role in READERS.items()}
    people = folder / "people.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    run("schoolwarden-collector", "people", "import", str(people), "--dir", str(collector))
    words = {name: _make_identity(folder / name, name, collector, run) for name in READERS}
    _sign(folder, collector, run, words)
    policy = folder / "keywords.toml"
    review_date = (datetime.now(UTC).date() + timedelta(days=REVIEWED_AFTER_DAYS)).isoformat()
    text = KEYWORDS.format(group=json.dumps(find_group()), review_date=review_date)
    policy.write_text(text, encoding="utf-8")
    run("schoolwarden-collector", "rules", "add", str(policy), "--reason", "the demo", "--dir", str(collector))
    return [DemoReader(name, words[name], passwords[name]) for name in READERS]


def find_group() -> str:
    """Return the group whose members the demo watches: that of whoever asked for it, even through sudo."""
    name = os.environ.get("SUDO_USER") or getpass.getuser()
    group = grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name
    return "pupils" if group == "root" else group


def _make_identity(own: Path, name: str, collector: Path, run: Run) -> str:
    """Make a reader's key in a folder of his own, give its wrapped form to the collector; return the passphrase."""
    made = json.loads(run("schoolwarden-open", "identity", "make", "--yes", *_of(own)))
    exported = own / "for-console.json"
    run("schoolwarden-open", "identity", "export", "-o", str(exported), *_of(own))
    document = json.loads(exported.read_text(encoding="utf-8"))
    config = load_config(collector)
    engine = open_checked_engine(config)
    keep_identity(
        engine,
        config.school_id,
        user=name,
        age_key=document["age_key"],
        wrapped=base64.b64decode(document["wrapped"]),
        now_ns=time.time_ns(),
    )
    engine.dispose()
    return str(made["passphrase"])


def _sign(folder: Path, collector: Path, run: Run, words: dict[str, str]) -> None:
    """Make the root, test both keys, sign the set and publish it."""
    candidates, items, signed = (folder / name for name in ("candidates.json", "items.json", "readers.txt"))
    first, second = READERS
    candidates.write_text(run("schoolwarden-collector", "readers", "candidates", "--dir", str(collector)))
    keys = {each["id"]: each["age_key"] for each in json.loads(candidates.read_text())["people"]}
    name = load_config(collector).school_name
    run("schoolwarden-open", "root", "make", "--school", name, "--to", keys[second], *_of(folder / first))
    run("schoolwarden-open", "readers", "test", str(candidates), "-o", str(items), *_of(folder / first))
    codes = []
    for reader in READERS:
        answer = ["readers", "answer", str(items), "--id", reader, "--passphrase-file", "-", *_of(folder / reader)]
        said = run("schoolwarden-open", *answer, said=words[reader] + "\n")
        codes += ["--code", f"{reader}={json.loads(said)['code']}"]
    sign = ["readers", "sign", str(candidates), *codes, "-o", str(signed), "--yes", "--passphrase-file", "-"]
    run("schoolwarden-open", *sign, *_of(folder / first), said=words[first] + "\n")
    run("schoolwarden-collector", "readers", "publish", str(signed), "--dir", str(collector))


def _of(own: Path) -> list[str]:
    return ["--folder", str(own), "--format", "json"]
