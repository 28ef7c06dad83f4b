# SPDX-License-Identifier: Apache-2.0
"""The check `idle_lock`: `check` says what is found, `limit` which limit holds for a session, `verdict` what is wrong
with one."""
