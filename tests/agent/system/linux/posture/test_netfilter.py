# SPDX-License-Identifier: Apache-2.0
"""Tests of what is read from the kernel's packet filter: recorded answers of a real one, broken ones, and this kernel.

Each file in `netfilter` holds what Linux 6.18 answered, one message a line, with rules that nft and iptables had set.
"""

import os
import socket
import struct
from pathlib import Path

import pytest

from agent.system.linux.posture.netfilter import Chain, Family, Step, Verdict, list_chains
from agent.system.posture import NotKnownError

RECORDED = Path(__file__).parent / "netfilter"


def play(*messages: bytes) -> tuple[Chain, ...]:
    """Ask a kernel that answers with these messages, whatever it is asked."""
    ours, kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with kernels:
        for message in messages:
            kernels.send(message)
        return list_chains(lambda: ours)


def load(name: str) -> list[bytes]:
    return [bytes.fromhex(line) for line in (RECORDED / f"{name}.hex").read_text().split()]


def answer(code: int) -> bytes:
    """Return the kernel's refusal of the first question."""
    return struct.pack("=IHHIIi", 20, 2, 0, (10 << 8) | 4, 0, code)


def test_chains_are_read_with_what_is_sure_in_them():
    """Rules that depend on the packet are left out, other families and other hooks are no way in."""
    chains = play(*load("firewalld-like"))

    assert chains == (
        Chain(
            Family.BOTH,
            "firewalld",
            "filter_INPUT",
            hook=1,
            steps=(Step(Verdict.JUMP, "zones"), Step(Verdict.DROP)),
        ),
        Chain(Family.BOTH, "firewalld", "zones", steps=(Step(Verdict.GOTO, "public"),)),
        Chain(Family.BOTH, "firewalld", "public"),
        Chain(Family.BOTH, "other", "prerouting"),
    )


def test_rules_of_iptables_are_read_too():
    """Its policy, its jumps, and REJECT, which is an extension of its own."""
    chains = play(*load("iptables"))

    assert chains[0] == Chain(
        Family.IPV4, "filter", "INPUT", hook=1, is_drop_policy=True, steps=(Step(Verdict.JUMP, "ufw-before"),)
    )
    assert chains[2] == Chain(Family.IPV6, "filter", "INPUT", hook=1, steps=(Step(Verdict.DROP),))


def test_a_kernel_without_rules_has_none():
    """And neither has one without the filter."""
    assert play(*load("empty")) == ()
    refused = struct.pack("=IHHIIi", 20, 2, 0, (10 << 8) | 7, 0, -95)
    assert play(answer(-95), refused) == ()


def test_a_refusal_is_not_taken_for_no_rules():
    """Only root may ask."""
    with pytest.raises(NotKnownError, match="root only"):
        play(answer(-1))
    with pytest.raises(NotKnownError, match="no buffer space"):
        play(answer(-105))


def test_a_kernel_that_does_not_answer_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch):
    """Then it is not known."""
    monkeypatch.setattr("agent.system.linux.posture.netfilter._ANSWER_WITHIN_S", 0.01)

    with pytest.raises(NotKnownError, match="no answer in time"):
        play()


@pytest.mark.parametrize("cut", [7, 15, 17, 21, 30, 60, 100, 200])
def test_broken_answers_end_in_a_reason(cut: int, monkeypatch: pytest.MonkeyPatch):
    """Whatever is cut off or wrong, nothing else is raised."""
    monkeypatch.setattr("agent.system.linux.posture.netfilter._ANSWER_WITHIN_S", 0.01)
    whole = load("firewalld-like")

    with pytest.raises(NotKnownError):
        play(whole[0][:cut])
    with pytest.raises(NotKnownError):
        play(whole[0][:16] + b"\xff" * cut)


def test_this_kernel_answers_or_says_why():
    """With the real line to it."""
    try:
        chains = list_chains()
    except NotKnownError as reason:
        assert os.geteuid() != 0, reason
    else:
        assert all(chain.name for chain in chains)
