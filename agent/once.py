# SPDX-License-Identifier: Apache-2.0
"""Runs checks once, with no collector and no state: what `schoolwarden-agent check` does."""

import logging
import time
from collections.abc import Sequence

from agent import checks
from agent.checks.interface import Check, CheckResult
from agent.config import Config
from agent.errors import CheckError
from agent.identity import IdentityFolder
from agent.policy import InForce, PolicyStore
from agent.system import current
from rules.evaluate import Evaluator
from rules.load import load_pack, parse_files

log = logging.getLogger(__name__)

BASELINE = "uk-baseline"


def check_once(names: Sequence[str], config: Config | None) -> list[CheckResult]:
    """Run the named checks once and return their answers. Without a config the shipped baseline is the policy.

    Raises:
        UnknownCheckError: there is no check of one of the names.
        NotEnrolledError: a config was given, and there is no agent in its folder.
    """
    classes = [checks.load(name) for name in dict.fromkeys(names)]
    in_force = _load_policy(config)
    system = current()
    return [_run(each(system, lambda: in_force)) for each in classes]


def _load_policy(config: Config | None) -> InForce | None:
    if config is None:
        policy = parse_files(load_pack(BASELINE))
        return InForce(policy, Evaluator(policy), b"")
    store = PolicyStore(config.policy_file, IdentityFolder(config.state).load())
    store.load()
    return store.in_force


def _run(check: Check) -> CheckResult:
    try:
        has_more = True
        while has_more:
            for _ in check.observe(time.time_ns()):
                pass
            has_more = check.has_more
    except CheckError as error:
        log.error("%s", error)
    finally:
        check.close()
    return check.result()
