# SPDX-License-Identifier: Apache-2.0
"""How this machine becomes a device of a school, or another device of it. The keys are `identity`'s, the words of the
collector `uplink`'s; a machine whose chain has parted becomes another device by `succession`, without a token.
"""

import logging
from dataclasses import asdict

from agent.config import AGENT_VERSION, Config
from agent.errors import EnrolmentError, SpoolDamagedError
from agent.identity import Identity, IdentityFolder
from agent.policy import PolicyStore
from agent.spool import Spool
from agent.succession import forget_told, set_aside
from agent.system import current
from agent.system.interface import System
from agent.uplink.calls import enrol
from proto.files import verify_own_folder, write_private
from proto.token import decode_token
from proto.wire import DeviceFacts

log = logging.getLogger(__name__)


def enrol_machine(config: Config, token_text: str, *, again: bool, keys: str = "file") -> Identity:
    """Make this machine a device of the school in the token.

    Raises:
        EnrolmentError: it is one already, or the collector refused.
        TokenError: the token cannot be used.
        CollectorUnreachableError: the collector does not answer.
        UnsafeFolderError: others can change what lies in the state folder.
    """
    verify_own_folder(config.state)
    token = decode_token(token_text)
    folder = IdentityFolder(config.state)
    former: Identity | None = None
    if folder.is_enrolled():
        former = folder.load()
        if not again:
            raise EnrolmentError(
                f"this machine is enrolled already: device {former.device_id} of {former.school_name}",
                hint="add --again to enrol it as a new device; what waits in its queue is set aside",
            )
        _verify_stopped(config, former)
    reply = enrol(token, folder.make_request(token, describe_device(current()), keys=keys, former=former))
    folder.verify_reply(token, reply)
    set_aside(config.spool_file)
    # A new collector has not heard what the checks remember to have told.
    forget_told(config)
    identity = folder.complete(token, reply)
    Spool(config.spool_file, identity.spool_key).close()
    write_private(config.policy_file, reply.bundle.SerializeToString())
    PolicyStore(config.policy_file, identity).load()
    return identity


def describe_device(system: System) -> DeviceFacts:
    """Return what this machine is. Its serial number is evidence of which one that may be, and decides nothing."""
    facts = DeviceFacts(agent_version=AGENT_VERSION, **asdict(system.describe()))
    hardware = system.hardware()
    if hardware is not None:
        facts.manufacturer, facts.product, facts.serial = hardware.manufacturer, hardware.product, hardware.serial
    return facts


def _verify_stopped(config: Config, identity: Identity) -> None:
    """Return if no agent runs on this identity.

    Raises:
        AlreadyRunningError: one does.
    """
    try:
        Spool(config.spool_file, identity.spool_key).close()
    except SpoolDamagedError:
        log.warning("the queue of the old identity cannot be read; it is set aside")
