# SPDX-License-Identifier: Apache-2.0
"""The root of every error that the product raises on purpose, and the errors of this folder.

Three families run through the product: a mistake of the programmer is a ValueError or RuntimeError and crashes;
a mistake of the operator carries a hint and ends a command with exit code 2 or 3; hostile or broken input is an
`UntrustedInputError` and is recorded, never a crash.
"""


class SchoolwardenError(Exception):
    """What went wrong, in a sentence, and what the operator can do about it."""

    exit_code = 3
    """How a command ends that meets this error: 2 for a wrong call, 3 for an environment that does not work."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ProtoError(SchoolwardenError):
    """Root of the errors of the contract."""


class UntrustedInputError(ProtoError):
    """Bytes from elsewhere do not keep the contract."""


class MalformedError(UntrustedInputError):
    """The bytes cannot be read as the message they claim to be, or break its limits."""


class SignatureError(UntrustedInputError):
    """A signature does not verify, or its algorithm is not one of ours."""


class ChainError(UntrustedInputError):
    """Events do not follow one another: a wrong number, a wrong previous hash, a wrong commitment."""


class UnsafeFolderError(ProtoError):
    """A folder of ours is in the hands of others."""


class TokenError(ProtoError):
    """An enrolment token cannot be used as it was given."""

    exit_code = 2


class SealError(UntrustedInputError):
    """Something cannot be sealed or opened: a key is none, or the sealed text was changed or is for others."""


class RecipientsError(UntrustedInputError):
    """A set of recipients may not be used: another root signed it, it is older, or it cannot be read."""


class DrillError(UntrustedInputError):
    """An order to drill is not one that this device answers."""
