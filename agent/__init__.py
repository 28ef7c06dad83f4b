# SPDX-License-Identifier: Apache-2.0
"""The agent: asks one machine, decides locally what may leave, keeps it safely and sends it.

`system` knows the operating system, `checks` turn its answers into findings, `pipeline` is the file to read first.
Nothing is imported here: an agent loads only what it runs.
"""
