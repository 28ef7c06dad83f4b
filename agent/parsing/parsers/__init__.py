# SPDX-License-Identifier: Apache-2.0
"""One module for each format; each has `parse(stream) -> dict` of plain JSON values and raises `ParseError`.

They run in the child only. They open nothing, and what they return is as hostile as what they read.
"""
