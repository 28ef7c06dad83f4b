# SPDX-License-Identifier: Apache-2.0
"""Real idle times and real locks: a display with a locker (`desk`), a real logind (`elogind`), and the check that looks
at both as it does in the agent (`look`)."""
