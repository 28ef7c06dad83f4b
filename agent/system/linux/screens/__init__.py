# SPDX-License-Identifier: Apache-2.0
"""Idle and locked sessions on Linux: `listing` asks `logind` and the displays, `lock_settings` what is configured."""
