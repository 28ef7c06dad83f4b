# SPDX-License-Identifier: Apache-2.0
"""Rigs: real things to prove the checks on. A guest with USB of its own is `machine`; what goes into its sockets is
`sticks` and `gadget`.

The guest is Debian under QEMU, emulated in full: it never touches this machine's kernel. It is built from Debian's
packages once, in `guest/`, kept in `.build/rigs`, and started from a snapshot. By hand:

    python -m tests.rigs.shell --plug luks2 -- lsblk -f

A guest needs root, to build it, and Debian's packages named in `tests.run`.
"""
