# SPDX-License-Identifier: Apache-2.0
"""Where the collector keeps things: `schema` has the tables, `engine` opens a database, `append` is the hot path."""
