# SPDX-License-Identifier: Apache-2.0
"""The check `software`: `check` says what is found, `running` and `installed` are its two halves."""
