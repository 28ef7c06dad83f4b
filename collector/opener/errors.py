# SPDX-License-Identifier: Apache-2.0
"""Errors of the opener."""

from proto.errors import SchoolwardenError


class OpenerError(SchoolwardenError):
    """Root of the errors of this folder; by itself: this computer cannot do what was asked."""


class UsageError(OpenerError):
    """What was asked or typed cannot be used: a wrong passphrase, wrong words, a file of another kind."""

    exit_code = 2


class FindingError(OpenerError):
    """What was given is well-formed and does not hold: keys or signatures that do not belong together."""

    exit_code = 1
