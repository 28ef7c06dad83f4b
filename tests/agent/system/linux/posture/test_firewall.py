# SPDX-License-Identifier: Apache-2.0
"""Tests of what the kernel's rules come to for a packet that nothing lets in."""

from pathlib import Path

import pytest

from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.firewall import read_firewall
from agent.system.linux.posture.netfilter import Chain, Family, Step, Verdict
from agent.system.posture import Firewall, NotKnownError
from tests.agent.system.linux.posture.test_netfilter import load, play
from tests.agent.system.linux.trees import Tree

IPV6 = "fe80000000000000 02 40 20 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\n"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    tree.write("proc/net/if_inet6", IPV6)
    return tree


def read(tree: Tree, chains: tuple[Chain, ...]) -> Firewall:
    return read_firewall(SystemFiles(tree.root), lambda: chains)


@pytest.mark.parametrize(
    ("name", "open_to"),
    [
        ("empty", ("ipv4", "ipv6")),
        ("firewalld-like", ()),
        # The zone in force accepts everything, so the rejection behind it is never reached.
        ("trusted-zone", ("ipv4", "ipv6")),
        ("iptables", ()),
        ("ipv4-only", ("ipv6",)),
        # Rejects some, then accepts all.
        ("ban-list", ("ipv4", "ipv6")),
    ],
)
def test_recorded_rules_are_understood(tree: Tree, name: str, open_to: tuple[str, ...]):
    """What counts is what becomes of a packet, not that there are rules."""
    assert read(tree, play(*load(name))) == Firewall(open_to)


def test_ipv6_counts_only_where_it_is_used(tree: Tree):
    """A machine with nothing but a loopback address is not reached by it."""
    tree.write("proc/net/if_inet6", IPV6.splitlines()[1] + "\n")

    assert read(tree, play(*load("ipv4-only"))) == Firewall(())


def test_a_chain_is_left_and_jumps_in_a_circle_end():
    """Return and goto do what the kernel does; a circle it would refuse does not hold us up."""
    back = Step(Verdict.RETURN), Step(Verdict.DROP)
    assert not read_closed(Step(Verdict.JUMP, "inner"), inner=back)
    assert not read_closed(Step(Verdict.GOTO, "inner"), Step(Verdict.DROP), inner=())
    assert read_closed(Step(Verdict.JUMP, "inner"), Step(Verdict.DROP), inner=back)
    assert read_closed(Step(Verdict.JUMP, "inner"), Step(Verdict.DROP), inner=(Step(Verdict.JUMP, "inner"),))
    assert not read_closed(Step(Verdict.JUMP, "not there"))


def read_closed(*steps: Step, inner: tuple[Step, ...] = ()) -> bool:
    chains = Chain(Family.IPV4, "t", "in", hook=1, steps=steps), Chain(Family.IPV4, "t", "inner", steps=inner)
    return read_firewall(SystemFiles(Path("/nowhere")), lambda: chains) == Firewall(())


def test_rules_of_the_old_iptables_leave_it_open(tree: Tree):
    """They cannot be read; unless the newer rules close the machine anyway."""
    tree.write("proc/net/ip_tables_names", "nat\nfilter\n")
    with pytest.raises(NotKnownError, match="old iptables"):
        read(tree, ())

    assert read(tree, play(*load("iptables"))) == Firewall(())


def test_a_kernel_that_has_not_loaded_the_filter_is_not_asked(tree: Tree):
    """The question alone would load it; without it there are no rules."""
    asked: list[bool] = []

    def list_chains() -> tuple[Chain, ...]:
        asked.append(True)
        return play(*load("iptables"))

    tree.write("proc/modules", "ext4 1024 1 - Live 0x0\n")
    tree.write("proc/sys/kernel/osrelease", "6.12.0-1-amd64\n")
    assert read_firewall(SystemFiles(tree.root), list_chains) == Firewall(("ipv4", "ipv6"))
    assert not asked

    tree.write("lib/modules/6.12.0-1-amd64/modules.builtin", "kernel/net/netfilter/nf_tables.ko\n")
    assert read_firewall(SystemFiles(tree.root), list_chains) == Firewall(())
    tree.write("lib/modules/6.12.0-1-amd64/modules.builtin")
    tree.write("proc/modules", "nf_tables 1024 1 - Live 0x0\n")
    assert read_firewall(SystemFiles(tree.root), list_chains) == Firewall(())
