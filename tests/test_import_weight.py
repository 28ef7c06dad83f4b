# SPDX-License-Identifier: Apache-2.0
"""Tests of what a program loads before it needs it: each of these costs megabytes on every pupil's machine."""

import subprocess
import sys

import pytest

from tests.tree import ROOT

# Measured alone: grpc 21 MB, x509 17 MB, asyncio 11 MB. The uplink loads grpc when the agent runs, once; pyrage comes
# with the first set of readers, and what a watcher needs of its session only a watcher loads, which is another process.
HEAVY_FOR_AGENT = (
    *("asyncio", "collector", "cryptography.x509", "grpc", "jeepney", "pynput", "pyrage", "sqlalchemy", "tkinter"),
    *("watchdog", "Xlib", "agent.session.watcher", "rules.keywords.match"),
)
# SQLAlchemy takes a second to load, and the two servers come with it.
HEAVY_FOR_COLLECTOR = ("alembic", "grpc", "sqlalchemy", "starlette", "uvicorn")


def list_loaded(code: str, names: tuple[str, ...]) -> list[str]:
    """Run code in a fresh Python and return which of the named modules it loaded."""
    report = f"import sys; sys.stderr.write(' '.join(n for n in {names!r} if n in sys.modules))"
    # A command that ends by itself has loaded what it has loaded all the same.
    program = f"try:\n    {code}\nexcept SystemExit:\n    assert True\nfinally:\n    {report}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.split()


@pytest.mark.parametrize("module", ["agent.cli", "agent.pipeline", "agent.app", "agent.explain"])
def test_agent_starts_light(module: str) -> None:
    """The agent's command line and its loop load neither the network's nor the collector's libraries."""
    assert list_loaded(f"import {module}", HEAVY_FOR_AGENT) == []


def test_looking_for_sessions_is_light() -> None:
    """A running agent on a machine where nobody is to be watched loads nothing of what a watcher needs."""
    code = (
        "from agent.checks.keywords.check import Keywords; from agent.system import current; "
        "list(Keywords(current(), lambda: None).observe(0)); current().list_sessions()"
    )
    assert list_loaded(code, HEAVY_FOR_AGENT) == []


@pytest.mark.parametrize("call", ["['--help']", "['--version']", "['serve', '--help']"])
def test_collector_answers_without_its_database(call: str) -> None:
    """Asking the collector how it is used loads neither the database nor the servers."""
    assert list_loaded(f"from collector.cli import main; main({call})", HEAVY_FOR_COLLECTOR) == []


def test_a_heavy_module_would_be_seen() -> None:
    """The measure works: what is loaded is named."""
    assert list_loaded("import asyncio, cryptography.x509", HEAVY_FOR_AGENT) == ["asyncio", "cryptography.x509"]
