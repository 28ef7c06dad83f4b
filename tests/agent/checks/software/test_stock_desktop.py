# SPDX-License-Identifier: Apache-2.0
"""A stock Debian desktop raises nothing: its list of packages as dpkg writes it, through the reader and the rules.

That no rule names any of its packages or executables is tested beside the packs; here the whole way is gone.
"""

from pathlib import Path

from agent.checks.software.installed import InstalledPrograms
from agent.checks.software.listed import ListedPrograms
from agent.checks.software.told import ToldFindings
from agent.system.linux.machine import LinuxSystem
from proto.events import SoftwareListed
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files
from tests.agent.checks.policies import InForce
from tests.fakes import FakeClock

LISTS = Path(__file__).parents[3] / "rules/data"
STANZA = "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n"


def load_names(file: str) -> list[str]:
    lines = (LISTS / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_a_stock_desktop_raises_nothing_on_the_whole_way(tmp_path: Path):
    """Every package of Debian 12's desktops and of Debian Edu is listed once, and none is a finding."""
    packages = load_names("stock-debian-12-desktop-packages.txt")
    status = tmp_path / "root/var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text("\n".join(STANZA.format(name=name) for name in packages))
    (tmp_path / "root/etc").mkdir()
    (tmp_path / "root/etc/passwd").write_bytes(b"root:x:0:0::/root:/bin/sh\n")
    baseline = parse_files(load_pack("uk-baseline"))
    rules = InForce(baseline, Evaluator(baseline))
    system = LinuxSystem(tmp_path.resolve() / "root")
    clock = FakeClock()
    half = InstalledPrograms(system, ListedPrograms(None), ToldFindings(None), clock)

    events = list(half.observe(rules, pause=False))
    while not half.is_complete:
        events += half.observe(rules, pause=False)

    assert half.unread == ()
    assert half.findings == []
    assert all(isinstance(event, SoftwareListed) for event in events)
    listed = {program.name for event in events if isinstance(event, SoftwareListed) for program in event.programs}
    assert listed == set(packages)
