# SPDX-License-Identifier: Apache-2.0
"""A power cut between every pair of writes.

trace       a real process under strace: every write, sync and name it made in a folder, in order
platter     what a disk may hold when the power goes after a number of these
queue       the agent's queue: a process that appends and forgets, and what must stand after any cut
evidence    the collector's ledger: the same for a process that ingests
"""
