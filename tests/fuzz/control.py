# SPDX-License-Identifier: Apache-2.0
"""A target that breaks on purpose: it shows that a fuzzer here finds what is broken. Never among the others."""

from tests.fuzz.target import Target


def run_control(data: bytes) -> None:
    """Three bytes in a row, each a branch of its own, and an error that no parser may end with."""
    wanted = iter(b"SW!")
    for byte in data[:3]:
        if byte != next(wanted):
            return
    if len(data) >= 3:
        raise IndexError("the control was found")


CONTROL = Target(name="control", run=run_control, refuses_with=(ValueError,), modules=("tests.fuzz.control",))
