# SPDX-License-Identifier: Apache-2.0
"""Errors of the agent: what the operator can put right, and what the agent itself reports as a gap."""

from proto.errors import SchoolwardenError


class AgentError(SchoolwardenError):
    """Root of the errors of this folder."""


class UnsupportedPlatformError(AgentError):
    """The agent does not run on this operating system yet."""


class MachineError(AgentError):
    """The machine does not answer a question that the agent cannot do without."""


class StartWatchError(AgentError):
    """The start of programs cannot be watched as it happens; looking every second goes on."""


class UnknownCheckError(AgentError):
    """There is no check of that name."""

    exit_code = 2


class CheckError(AgentError):
    """A check ended with an error. The type of the error may leave the device, its text may not."""

    def __init__(self, check: str, error_type: str) -> None:
        super().__init__(f"the check {check} ended with {error_type}")
        self.check = check
        self.error_type = error_type


class NotEnrolledError(AgentError):
    """This machine has no identity yet, or the one it has cannot be read."""

    exit_code = 2


class EnrolmentError(AgentError):
    """The collector did not take this machine."""

    exit_code = 2


class KeyStoreError(AgentError):
    """The keys of this machine cannot be made or used where they live."""


class CollectorUnreachableError(AgentError):
    """The collector does not answer."""


class SpoolError(AgentError):
    """The queue on the disk cannot be written or read."""


class SpoolDamagedError(SpoolError):
    """What is on the disk is not our queue any more. A new chain of events must begin."""


class SpoolFullError(SpoolError):
    """The queue holds as much as it may, and nothing in it is less important."""


class AlreadyRunningError(AgentError):
    """Another agent runs with the same state folder."""


class SessionError(AgentError):
    """Root of what goes wrong in a pupil's session."""


class ChannelError(SessionError):
    """The other end of a watcher's channel has closed it, or says what it may not say."""


class NotWatchedError(SessionError):
    """This session cannot be watched; the message says why, without a person's name."""


class UnsealedError(AgentError):
    """A flag could not be sealed now. Only the type of what went wrong is told."""

    def __init__(self, error_type: str) -> None:
        super().__init__(f"a flag could not be sealed: {error_type}")
        self.error_type = error_type


class ParseError(AgentError):
    """What a user wrote cannot be read: it is broken, or took too much time or memory. Recorded, never a crash."""
