# SPDX-License-Identifier: Apache-2.0
"""Fuzzers of every parser of bytes that others choose, with the inputs that reached new branches.

`python -m tests.fuzz` runs them with atheris, which follows the branches of our own code. A target says what the parser
may answer; anything else, and a hang, is a crash. `targets_*` hold the targets, `session` runs one, `corpus/` is kept.
"""
