# SPDX-License-Identifier: Apache-2.0
"""Tests of the command, as a stranger uses it: wrong first. What only a process of its own shows is in
`test_cli_process`."""

import io
import json
import re
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agent.cli import INTERRUPTED, main
from agent.config import AGENT_VERSION, CHECKS, Config
from agent.keystore import tpm as tpm_module
from agent.policy import PolicyStore
from proto.events import KINDS, Program
from proto.files import write_private
from proto.token import PREFIX, encode_token
from tests.agent.collector import DEVICE_ID, SCHOOL_NAME, FakeCollector, rule_files
from tests.agent.permission import without_permission
from tests.agent.piping import COLLECTOR
from tests.fakes import FakeSystem

COMMANDS = ("enrol", "run", "status", "explain", "check")
NEED_STATE = ("run", "status", "explain")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of a machine that is enrolled and has a policy."""
    identity = COLLECTOR.enrol(tmp_path / "state")
    config = Config(tmp_path / "state")
    PolicyStore(config.policy_file, identity).accept(COLLECTOR.publish(4, rule_files()))
    return config.state


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a call that argparse refuses; return what it said."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.out == ""
    assert captured.err.startswith("usage: schoolwarden-agent")
    return captured.err


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a call and return its exit code, what it gave and what it said."""
    code = main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("enroll",),
        ("--state", "S"),
        ("run", "--stat", "S", "extra"),
        ("status", "--state", "S", "--format", "yaml"),
        ("enrol", "--state", "S"),
        ("enrol", "--token", "T"),
        ("check", "--nonsense"),
        *((command,) for command in NEED_STATE),
    ],
    ids=" ".join,
)
def test_a_wrong_call_shows_the_right_one(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    """It ends with 2, gives nothing on stdout and says on stderr how it is used."""
    assert "error:" in usage_error(capsys, *arguments)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_says_what_a_command_is_for(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Help is data that was asked for: on stdout, with 0."""
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"] if command else ["--help"])
    captured = capsys.readouterr()
    assert caught.value.code == 0
    assert captured.err == ""
    if command:
        assert f"usage: schoolwarden-agent {command}" in captured.out
    else:
        assert all(re.search(rf"^    {each} +\S", captured.out, re.MULTILINE) for each in COMMANDS)
        assert "no silent mode" in " ".join(captured.out.split())


def test_the_version_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, for scripts."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"schoolwarden-agent {AGENT_VERSION}\n"


@pytest.mark.parametrize("command", NEED_STATE)
@pytest.mark.parametrize("kind", ["nothing there", "empty folder", "file"])
def test_a_machine_that_is_not_enrolled(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, kind: str
) -> None:
    """It ends with 2, says what to do, and leaves no folder behind where there was none."""
    state = tmp_path / "state"
    if kind == "empty folder":
        state.mkdir()
    elif kind == "file":
        state.write_bytes(b"somebody's")
    code, out, err = run(capsys, command, "--state", str(state))
    assert code in ((2, 3) if kind == "file" else (2,))
    assert out == ""
    assert err.startswith("schoolwarden-agent: ")
    if kind != "file":
        assert "enrol --state" in err


@pytest.mark.parametrize("token", ["", "nonsense", "sw2.AAAA", PREFIX, PREFIX + "AAAA", "-t", "\x1b[31mred"])
def test_a_wrong_token_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """From an argument or from stdin: 2, a hint, no word of what was pasted, and nothing on the disk."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(token.encode())))
    for arguments in ([f"--token={token}"], ["--token", "-"]):
        code, out, err = run(capsys, "enrol", "--state", str(tmp_path / "state"), *arguments)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 2
        assert "\x1b" not in err
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(token.encode())))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("piped", [b"", b"\xff\xfe\x00", b"\n\n", b"x" * 10**6])
def test_garbage_on_stdin_is_no_token(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piped: bytes
) -> None:
    """What is no text, or endless, is refused like any other."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped)))
    code, out, err = run(capsys, "enrol", "--state", str(tmp_path / "state"), "--token", "-")
    assert (code, out) == (2, "")
    assert "not an enrolment token" in err


def test_nobody_at_the_address(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A good token and no collector: 3, the address is named, and the machine is not enrolled; keys wait for later."""
    token = encode_token(COLLECTOR.make_token(enrol_address="127.0.0.1:1"))
    code, out, err = run(capsys, "enrol", "--state", str(tmp_path / "state"), "--token", token)
    assert (code, out) == (3, "")
    assert "127.0.0.1:1" in err
    assert token[10:40] not in err
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["enrolling"]


def test_an_enrolled_machine_is_not_enrolled_again(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    """Unless asked for: 2, who it is already, and how to do it all the same."""
    token = encode_token(COLLECTOR.make_token())
    code, out, err = run(capsys, "enrol", "--state", str(state), "--token", token)
    assert (code, out) == (2, "")
    assert DEVICE_ID in err
    assert "--again" in err


def test_a_damaged_identity_is_not_called_a_new_machine(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    """Whoever enrols it is told to move the damaged one away, not to do what he just did."""
    (state / "identity" / "tls.key").unlink()
    for arguments in (["status"], ["enrol", "--token", encode_token(COLLECTOR.make_token())]):
        code, _, err = run(capsys, *arguments, "--state", str(state))
        assert code == 2
        assert "cannot be read" in err
        assert "move" in err


def test_another_user_is_told_which_user_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    """A pupil who runs a command on the agent's folder gets 2 or 3, nothing of it, and no traceback."""
    for module in ("agent.app", "agent.system.linux.machine"):
        # Nobody may not read the folder in which Python itself lies on some machines.
        import_module(module)
    with TemporaryDirectory() as name:
        COLLECTOR.enrol(Path(name) / "state")
        Path(name).chmod(0o755)
        with without_permission(Path(name) / "state"):
            for command in NEED_STATE:
                code, out, err = run(capsys, command, "--state", f"{name}/state")
                assert code in (2, 3)
                assert out == ""
                assert "root" in err


def test_an_interrupted_enrolment_is_not_good(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while it waits for the token ends with 130: a script must not go on as if it were enrolled."""

    class Keyboard(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Keyboard())))
    code, out, _ = run(capsys, "enrol", "--state", str(tmp_path / "state"), "--token", "-")
    assert (code, out) == (INTERRUPTED, "")


@pytest.mark.parametrize("names", [["nonsense"], ["software", "nonsense"], ["\x1b[2J"]])
def test_a_name_that_is_no_check(capsys: pytest.CaptureFixture[str], names: list[str]) -> None:
    """2, nothing on stdout, and the checks that there are."""
    code, out, err = run(capsys, "check", *names)
    assert (code, out) == (2, "")
    assert f"checks: {', '.join(sorted(CHECKS))}" in err
    assert "\x1b" not in err


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    """The machine that is looked at."""
    system = FakeSystem()
    monkeypatch.setattr("agent.once.current", lambda: system)
    return system


def test_check_is_0_when_all_is_well_and_1_when_not(capsys: pytest.CaptureFixture[str], system: FakeSystem) -> None:
    """Without collector and state; JSON is a bare list with the keys that scripts rely on."""
    code, out, _ = run(capsys, "check", "--format", "json")
    assert code == 0
    results = {result["check"]: result for result in json.loads(out)}
    assert tuple(results) == CHECKS
    result = results["software"]
    assert list(result) == ["check", "state", "summary", "facts", "first_failed_at"]
    assert (result["state"], result["first_failed_at"]) == ("pass", None)
    assert results["keywords"]["state"] == "not_applicable"
    system.start("/usr/bin/tor")
    code, out, _ = run(capsys, "check", "software", "--format", "json")
    (result,) = json.loads(out)
    assert code == 1
    assert result["state"] == "fail"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["first_failed_at"])


def test_a_pupils_file_name_does_not_command_the_terminal(
    capsys: pytest.CaptureFixture[str], system: FakeSystem
) -> None:
    """Escapes, right-to-left marks and bytes that are no text are shown by their numbers, on one line."""
    system.install(Program("tor-browser-\x1b[2J\u202e\udcff\nAll is well", "/home/pupil/tor", source="file"))
    code, out, _ = run(capsys, "check")
    assert code == 1
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\nAll is well" not in out


def status_of(state: Path, *, age_s: int = 0, **changes: Any) -> None:
    """Write what an agent says of itself every few seconds, or said a while ago."""
    status = {
        "running": True,
        "written_at_ns": time.time_ns() - age_s * 10**9,
        "school": SCHOOL_NAME,
        "device": DEVICE_ID,
        "connected": True,
        "problem": "",
        "waiting_events": 3,
        "policy_version": 4,
        "not_watched": ["Programs that start and end within a second may be missed."],
        "checks": [{"check": "software", "state": "pass", "summary": "No program was found.", "facts": {}}],
    }
    write_private(Config(state).status_file, json.dumps(status | changes).encode())


def test_status_of_an_agent_that_is_well(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    """0; as text for people and as JSON for scripts."""
    status_of(state)
    code, out, err = run(capsys, "status", "--state", str(state))
    assert (code, err) == (0, "")
    assert "Running, connected; 3 events wait; policy 4" in out
    assert "software: pass - No program was found." in out
    code, out, _ = run(capsys, "status", "--state", str(state), "--format", "json")
    assert code == 0
    assert json.loads(out)["running"] is True


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"connected": False, "problem": "nothing listens at the address"}, "nothing listens at the address"),
        ({"running": False}, "Not running"),
        ({"age_s": 3600}, "60 minutes ago"),
        ({"age_s": -3600}, "clock was set back"),
        ({"device": "the one it was before"}, "never ran"),
    ],
    ids=["no collector", "stopped", "killed an hour ago", "clock set back", "another device's"],
)
def test_status_of_an_agent_that_is_not_well(
    capsys: pytest.CaptureFixture[str], state: Path, changes: dict[str, Any], says: str
) -> None:
    """1, and why; an old word of a killed agent is not taken for life, whatever the clock says."""
    status_of(state, **changes)
    code, out, err = run(capsys, "status", "--state", str(state))
    assert (code, err) == (1, "")
    assert says in out
    code, out, _ = run(capsys, "status", "--state", str(state), "--format", "json")
    assert code == 1
    assert not (json.loads(out)["running"] and json.loads(out)["connected"])


@pytest.mark.parametrize("content", [None, "", "{", "[]", "null", "{}", "\x00\x01"])
def test_status_before_the_first_run(capsys: pytest.CaptureFixture[str], state: Path, content: str | None) -> None:
    """1, the machine is named and how to start it; a damaged file is no word at all, and JSON has all its keys."""
    if content is not None:
        Config(state).status_file.write_text(content, encoding="utf-8")
    code, out, err = run(capsys, "status", "--state", str(state))
    assert (code, err) == (1, "")
    assert DEVICE_ID in out
    assert f"run --state {state}" in out
    code, out, _ = run(capsys, "status", "--state", str(state), "--format", "json")
    never = set(json.loads(out))
    status_of(state)
    _, out, _ = run(capsys, "status", "--state", str(state), "--format", "json")
    assert (code, never) == (1, set(json.loads(out)))


def test_status_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    """What came from the machine or the collector is shown, not obeyed."""
    summary = "Programs are here; running: \x1b]0;owned\x07 \u202e\nsoftware: pass"
    status_of(state, problem="\x1b[2J", checks=[{"check": "software", "state": "fail", "summary": summary}])
    _, out, _ = run(capsys, "status", "--state", str(state))
    assert not set(out) & set("\x1b\x07\u202e")
    assert "[U+001B]" in out
    assert "\nsoftware: pass" not in out


def test_explain_is_text_or_json(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    """Each kind of event is there in both, and nothing else is on stdout."""
    code, out, err = run(capsys, "explain", "--state", str(state))
    assert (code, err) == (0, "")
    assert all(f"  {kind}: " in out for kind in KINDS)
    code, out, err = run(capsys, "explain", "--state", str(state), "--format", "json")
    assert (code, err) == (0, "")
    assert [each["kind"] for each in json.loads(out)["kinds"]] == list(KINDS)
    assert json.loads(out)["policy_version"] == 4


@pytest.mark.parametrize("is_refused", [False, True], ids=["damaged", "refused"])
def test_explain_without_a_good_policy_says_so(
    capsys: pytest.CaptureFixture[str], state: Path, is_refused: bool
) -> None:
    """It does not explain by rules that are not in force, but what leaves without any, and what is wrong."""
    bundle = FakeCollector().publish(5, rule_files()).SerializeToString() if is_refused else b"garbage"
    Config(state).policy_file.write_bytes(bundle)
    code, out, err = run(capsys, "explain", "--state", str(state))
    assert code == 0
    assert "Policy in force: none: only the agent's own state leaves" in out
    assert "no, there is no policy" in out
    assert ("policy" in err) or ("bundle" in err)
    code, out, _ = run(capsys, "explain", "--state", str(state), "--format", "json")
    assert (code, json.loads(out)["policy_version"]) == (0, 0)


@pytest.mark.parametrize("command", ["run", "enrol"])
def test_a_state_folder_that_others_can_write_is_refused(
    capsys: pytest.CaptureFixture[str], state: Path, command: str
) -> None:
    """3, and how to put it right: whoever can write there could put an identity of his own in."""
    state.chmod(0o777)
    token = ["--token", encode_token(COLLECTOR.make_token())] if command == "enrol" else []
    code, out, err = run(capsys, command, "--state", str(state), *token)
    assert (code, out) == (3, "")
    assert f"chmod go-w {state}" in err


def test_a_tpm_that_was_asked_for_and_is_not_there_ends_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolment ends with 3 and says what is missing; no key is made anywhere else instead."""
    monkeypatch.setattr(tpm_module, "DEVICE", "device:/dev/null/none")
    token = encode_token(COLLECTOR.make_token())
    state = tmp_path / "state"
    code, out, err = run(capsys, "enrol", "--state", str(state), "--token", token, "--keys", "tpm")
    assert (code, out) == (3, "")
    assert "TPM" in err
    assert [path for path in state.rglob("*") if path.is_file()] == []


def test_status_says_where_the_keys_live(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    """In the line that names the device."""
    _, out, _ = run(capsys, "status", "--state", str(state))
    assert out.splitlines()[0].endswith("its keys live in protected files")
