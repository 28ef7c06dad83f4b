# SPDX-License-Identifier: Apache-2.0
"""The verbs of `schoolwarden-open`, a module for each noun: they ask, call the modules above and print."""
