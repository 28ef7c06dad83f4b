# SPDX-License-Identifier: Apache-2.0
"""The opener, `schoolwarden-open`: what those who read safeguarding flags use on their own computer, offline.

It makes and keeps their keys, opens flags, signs who may read, and makes the recovery sheets. It trusts neither the
collector nor its pages: of ours it imports `proto` only, it opens no connection, and files are all that goes in and
out. `cli` lists its commands.
"""
