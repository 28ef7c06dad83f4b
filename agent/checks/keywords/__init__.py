# SPDX-License-Identifier: Apache-2.0
"""The check `keywords`: `check` decides who is watched, `watchers` keeps a watcher in each such session."""
