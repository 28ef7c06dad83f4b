# SPDX-License-Identifier: Apache-2.0
"""How this machine becomes a device of a school, or another device of it. The keys are `identity`'s, the words of the
collector `uplink`'s; a machine whose chain has parted becomes another device by `succession`, without a token.

A machine that enrols again at the same school, and proves which device it was, brings along what it had not told: the
collector's answer says where its record of the former device ends for good, and all that comes after it is told again.
It is done as `succession` does it: the new queue is built beside, the swap of the identity is the commit, and whatever
opens the chain next ends it. Up to the swap the former device is in force, and the same command can be given again.
"""

import logging
from contextlib import suppress
from dataclasses import asdict

from agent.config import AGENT_VERSION, Config
from agent.errors import AlreadyRunningError, EnrolmentError, SpoolDamagedError
from agent.identity import Identity, IdentityFolder
from agent.policy import PolicyStore
from agent.rechain import build_queue, name_queue
from agent.spool import Head, Spool
from agent.succession import Succession, forget_told, set_aside
from agent.system import current
from agent.system.interface import System
from agent.uplink.calls import enrol
from agent.uplink.comparison import Case, compare
from proto.enrolment import ENROLLED_AGAIN
from proto.events import AgentRekeyed
from proto.files import verify_own_folder, write_private
from proto.token import Token, decode_token
from proto.wire import DeviceFacts, EnrolReply

log = logging.getLogger(__name__)


def enrol_machine(config: Config, token_text: str, *, again: bool, keys: str = "file") -> Identity:
    """Make this machine a device of the school in the token.

    Raises:
        EnrolmentError: it is one already, or the collector refused.
        TokenError: the token cannot be used.
        CollectorUnreachableError: the collector does not answer.
        AlreadyRunningError: an agent runs as the device that this machine is until now.
        SpoolError: what that one had not told cannot be taken along; it is still the device.
        UnsafeFolderError: others can change what lies in the state folder.
    """
    verify_own_folder(config.state)
    token = decode_token(token_text)
    folder, system = IdentityFolder(config.state), current()
    former: Identity | None = None
    if folder.is_enrolled():
        former = folder.load()
        if not again:
            raise EnrolmentError(
                f"this machine is enrolled already: device {former.device_id} of {former.school_name}",
                hint="add --again to enrol it as a new device; what waits in its queue is told again by that one, or "
                "set aside if it goes to another school",
            )
        _verify_stopped(config, former)
    reply = enrol(token, folder.make_request(token, describe_device(system), keys=keys, former=former))
    folder.verify_reply(token, reply)
    # A new collector has not heard what the checks remember to have told, nor has anybody from a new device.
    forget_told(config)
    if former is not None and reply.former_epoch and former.school_id == token.school_id:
        identity = _go_on(config, folder, token, reply, system.boot_id())
    else:
        identity = _begin(config, folder, token, reply, former)
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
    with suppress(SpoolDamagedError):
        Spool(config.spool_file, identity.spool_key).close()


def _begin(
    config: Config, folder: IdentityFolder, token: Token, reply: EnrolReply, former: Identity | None
) -> Identity:
    """Become a device with an empty queue; what another one left is set aside."""
    if former is not None:
        # Nobody may have begun to write to it while the collector was asked.
        _verify_stopped(config, former)
        why = (
            f"it is for {former.school_name}, and this machine goes to another school"
            if former.school_id != token.school_id
            else "the collector was not shown that this machine was that device, or does not say what it holds of it"
        )
        log.warning("the queue of device %s is set aside, and is not sent: %s", former.device_id, why)
    set_aside(config.spool_file)
    identity = folder.complete(token, reply)
    Spool(config.spool_file, identity.spool_key).close()
    return identity


def _go_on(config: Config, folder: IdentityFolder, token: Token, reply: EnrolReply, boot_id: bytes) -> Identity:
    """Become the device that goes on for the former one, with everything that the collector does not hold of that."""
    succession = Succession(config, boot_id)
    # A queue that is damaged or gone is set aside here, which is said; what is carried then is the event that says so.
    former, spool = succession.open_chain()
    # Open until the swap: nobody records anything meanwhile that would be left behind.
    try:
        _forget_held(spool, former, reply)
        begin, waiting = spool.begin(former.epoch), spool.count()
        identity = folder.prepare(token, reply)
        rekeyed = AgentRekeyed(former.device_id, former.epoch, begin.seq, ENROLLED_AGAIN, waiting)
        build_queue(name_queue(config.spool_file, identity), identity, rekeyed, boot_id, former=spool)
        identity = folder.commit()
    finally:
        spool.close()
    # An agent that was started this moment has opened the chain itself.
    with suppress(AlreadyRunningError):
        succession.open_chain()[1].close()
    log.info(
        "%d events that device %s had not sent are told again as device %s",
        waiting,
        former.device_id,
        identity.device_id,
    )
    return identity


def _forget_held(spool: Spool, former: Identity, reply: EnrolReply) -> None:
    """Take out of a former device's queue what the collector holds, as far as that is certain.

    It is when the record ends in our chain, as at any welcome. When the record has parted from it, the two have an
    unknown part in common, and nobody can be asked: the former device may not speak. Then everything is told: that an
    event may be told twice shows, by its commitment; one that was left out would not.
    """
    head, theirs = spool.head(former.epoch), Head(reply.former_epoch, reply.former_seq, reply.former_head_hash)
    begin = spool.begin(former.epoch)
    case = compare(begin, head, theirs, spool.find_hash)
    if case is Case.GOES_ON and theirs.epoch == former.epoch:
        spool.acknowledge(theirs.seq)
    elif case is Case.FORGOTTEN:
        log.warning(
            "the collector was restored from an older copy: events up to %d of device %s that it forgot are lost",
            begin.seq,
            former.device_id,
        )
    elif case is Case.PARTED:
        log.warning(
            "the collector's record of device %s is not this machine's, which was set back or copied: "
            "all that waits is told again, and some of it may be there already",
            former.device_id,
        )
