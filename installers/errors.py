# SPDX-License-Identifier: Apache-2.0
"""Errors of the installers. Plain Python only: `environment` runs before anything is installed."""

from proto.errors import SchoolwardenError


class InstallersError(SchoolwardenError):
    """Root of the errors of this folder."""


class SetupError(InstallersError):
    """The environment of this checkout cannot be made."""


class LockError(InstallersError):
    """The requirements cannot be pinned."""


class AssetsError(InstallersError):
    """The console's assets cannot be built, or hold something that must not be shipped."""


class LocalRunError(InstallersError):
    """Collector or agent did not start, or ended on its own."""
