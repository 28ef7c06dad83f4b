# SPDX-License-Identifier: Apache-2.0
"""Whether a firewall closes the machine: whether a packet that nothing lets in is dropped, by IPv4 and by IPv6.

The kernel's rules count, not what a program's settings say. A packet that no rule knows is followed from the chain
that takes what comes in: rules that depend on the packet are passed over, the others and the chain's policy decide.
Not seen: a rule that lets in everything by a condition that is always true, and rules of the old iptables, which are
kept in another place and cannot be read; then it is not known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.system.linux.posture.files import SystemFiles
from agent.system.linux.posture.netfilter import Chain, Family, Verdict
from agent.system.posture import Firewall, NotKnownError

_COMES_IN = 1
_MAX_JUMPS = 32
_WAYS = (("ipv4", Family.IPV4, "proc/net/ip_tables_names"), ("ipv6", Family.IPV6, "proc/net/ip6_tables_names"))
_MAX_BUILTIN_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Ruleset:
    """All chains, by where they are."""

    chains: Mapping[tuple[Family, str, str], Chain]

    def is_closed(self, family: Family) -> bool:
        """Return whether a chain that takes what comes in drops what no rule knows. One such chain is enough."""
        return any(
            chain.hook == _COMES_IN
            and chain.family in (family, Family.BOTH)
            and (self._follow(chain, _MAX_JUMPS) or _end(chain)) is Verdict.DROP
            for chain in self.chains.values()
        )

    def _follow(self, chain: Chain, jumps: int) -> Verdict | None:
        """Return what becomes of such a packet in a chain; None if it comes out at the end."""
        for step in chain.steps:
            if step.verdict in (Verdict.DROP, Verdict.ACCEPT):
                return step.verdict
            if step.verdict is Verdict.RETURN:
                return None
            target = self.chains.get((chain.family, chain.table, step.chain))
            if target is not None and jumps:
                found = self._follow(target, jumps - 1)
                if found is not None or step.verdict is Verdict.GOTO:
                    return found
        return None


def read_firewall(files: SystemFiles, list_chains: Callable[[], Sequence[Chain]]) -> Firewall:
    """Return by which ways a packet that nothing lets in comes in.

    Raises:
        NotKnownError: the kernel does not tell, or keeps rules that cannot be read.
    """
    chains = list_chains() if _has_nf_tables(files) else ()
    ruleset = _Ruleset({(each.family, each.table, each.name): each for each in chains})
    open_to = []
    for way, family, old_tables in _WAYS:
        if (way == "ipv6" and not _has_ipv6(files)) or ruleset.is_closed(family):
            continue
        if b"filter" in (files.find(old_tables) or b"").split():
            raise NotKnownError("the rules are kept by the old iptables, where they cannot be read")
        open_to.append(way)
    return Firewall(tuple(open_to))


def _end(chain: Chain) -> Verdict:
    return Verdict.DROP if chain.is_drop_policy else Verdict.ACCEPT


def _has_nf_tables(files: SystemFiles) -> bool:
    """Return whether the kernel has its newer packet filter without loading it now. One without it has no rules."""
    loaded = files.find("proc/modules", _MAX_BUILTIN_BYTES)
    if loaded is None or any(line.startswith(b"nf_tables ") for line in loaded.splitlines()):
        return True
    release = (files.find("proc/sys/kernel/osrelease") or b"").decode("ascii", "replace").strip()
    return b"/nf_tables.ko" in (files.find(f"lib/modules/{release}/modules.builtin", _MAX_BUILTIN_BYTES) or b"")


def _has_ipv6(files: SystemFiles) -> bool:
    """Return whether another machine could reach this one by IPv6: an interface beside the loopback has an address."""
    lines = (files.find("proc/net/if_inet6") or b"").splitlines()
    return any(line.split()[-1:] != [b"lo"] for line in lines)
