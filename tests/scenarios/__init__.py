# SPDX-License-Identifier: Apache-2.0
"""Stories: real programs, started from the command line, in folders of their own."""
