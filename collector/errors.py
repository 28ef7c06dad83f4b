# SPDX-License-Identifier: Apache-2.0
"""Errors of the collector."""

from proto.errors import SchoolwardenError


class CollectorError(SchoolwardenError):
    """Root of the errors of this folder."""


class UsageError(CollectorError):
    """The operator asked for something that cannot be done."""

    exit_code = 2


class StoreError(CollectorError):
    """The database cannot be used: not there, full, damaged, of another version."""


class AddressError(CollectorError):
    """An address cannot be served: taken, not ours, or not allowed without TLS."""


class EnrolmentRefusedError(CollectorError):
    """A device may not enrol: the reason is told to it."""


class PermissionDeniedError(CollectorError):
    """This user may not do this."""
