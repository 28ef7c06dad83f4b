# SPDX-License-Identifier: Apache-2.0
"""The verbs of `schoolwarden-collector`, a file for each group. `collector.cli` puts them together."""
