# SPDX-License-Identifier: Apache-2.0
"""Errors of the rules: a rule file that is not right, a bundle that may not be used."""

from proto.errors import SchoolwardenError, UntrustedInputError


class RulesError(SchoolwardenError):
    """Root of the errors of this folder."""

    exit_code = 2


class RuleFormatError(RulesError):
    """A rule file breaks the format. Says where, and what would be right."""

    def __init__(self, problem: str, *, file: str, rule: str = "", key: str = "", hint: str = "") -> None:
        self.problem, self.file, self.rule, self.key = problem, file, rule, key
        place = ", ".join(part for part in (file, rule and f"rule {rule}", key and f"key {key}") if part)
        super().__init__(f"{place}: {problem}", hint=hint)


class TimeZoneError(RulesError):
    """This machine does not know a time zone that a policy names."""


class BundleError(RulesError, UntrustedInputError):
    """A bundle is not one of our collector's: wrong signature, wrong school, or not readable."""


class BundleRollbackError(BundleError):
    """A bundle is older than the one in force, or another one under the same version."""
