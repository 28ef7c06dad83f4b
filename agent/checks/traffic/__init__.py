# SPDX-License-Identifier: Apache-2.0
"""The check `traffic`: which program sends or receives a lot for minutes on end. Counts only."""
