# SPDX-License-Identifier: Apache-2.0
"""The machine's own security on Linux: `reader` answers each question with one module for it."""
