# SPDX-License-Identifier: Apache-2.0
"""Faults, one after the other, under load: `python -m tests.soak all`, or one alone, `python -m tests.soak kills`.

    outcome      what a fault came to, and the table of all
    producer     an agent that makes events: the real recorder, spool and uplink; it keeps a journal
    rig          a real collector and such an agent in a folder, and the count of the ledger against the journal
    promises     the journal, and what the ledger holds of it
    clock        a wall clock of its own for a process; proxy, forger: what stands between the two, and beside them

The faults: kills, power (a cut between every pair of writes: `cuts`), full_disk, clocks, offline, certificates,
database, network (with the forger beside it).

Ends with 1 when anything was lost, doubled, changed or forged; with 3 when a fault could not be tried here.
"""
