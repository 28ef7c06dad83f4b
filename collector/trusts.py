# SPDX-License-Identifier: Apache-2.0
"""What devices are told of whom to trust and where to find it: statements made, stored, and found again.

Every statement is kept as it was signed, versions only go up. What one is, and what a device takes, is in
`proto.trust`; which CAs there are is in `authority`. It pushes nothing to devices: `server` does.
"""

from dataclasses import replace

from sqlalchemy import Connection, Engine, insert, select

from collector.addresses import join_address, split_address
from collector.audit import COMMAND_LINE, record
from collector.config import Addresses, Config
from collector.errors import UsageError
from collector.store.engine import reading, take_turns, writing
from collector.store.schema import trusts
from proto.keys import Signer, load_signer, to_verifier
from proto.trust import Trust, open_trust, sign_trust
from proto.wire import SignedTrust


def find_trust(engine: Engine, school_id: str, *, newer_than: int = 0) -> SignedTrust | None:
    """Return the newest statement as it is stored, or None if none is newer than a version. `open_own_trust` checks it.

    Raises:
        StoreError: the database does not answer.
    """
    with reading(engine) as connection:
        return _find(connection, school_id, newer_than)


def open_own_trust(signed: SignedTrust, config: Config) -> Trust:
    """Return what a statement of ours says, so that what somebody wrote into the database reaches no device.

    Raises:
        SignatureError: our key did not sign it, or cannot be loaded.
        MalformedError: it cannot be read.
    """
    signer = load_signer(config.signing_key)
    return open_trust(signed, to_verifier(signer.algorithm, signer.public_key), school_id=config.school_id)


def announce(
    engine: Engine,
    config: Config,
    *,
    ca_certificates: tuple[bytes, ...],
    addresses: Addresses | None = None,
    actor: str = COMMAND_LINE,
    now_ns: int,
) -> Trust | None:
    """Tell devices from now on to trust these CAs (DER, the one that issues first), at these addresses or the same.

    A new version is stored only if it says something else than the newest. Returns the one in force; None when nobody
    has ever said where devices find us: then there is none that could be told.

    Raises:
        UsageError: what devices would be told is no address that they can reach.
        SignatureError: the newest statement is not ours: nothing is built on it.
        MalformedError: the newest statement cannot be read.
        StoreError: the database does not answer.
    """
    signer = load_signer(config.signing_key)
    with writing(engine) as connection:
        # One at a time, and the newest is read inside: no version is given twice. Before the audit log's lock.
        take_turns(connection, f"trust {config.school_id}")
        newest = _find(connection, config.school_id, 0)
        before = open_own_trust(newest, config) if newest is not None else None
        if before is None and addresses is None:
            return None
        trust = Trust(
            version=before.version if before else 0,
            school_id=config.school_id,
            ca_certificates=ca_certificates,
            enrol_address=addresses.enrol if addresses else before.enrol_address if before else "",
            events_address=addresses.grpc if addresses else before.events_address if before else "",
            made_at_ns=before.made_at_ns if before else now_ns,
        )
        if trust == before:
            return before
        trust = replace(trust, version=trust.version + 1, made_at_ns=now_ns)
        _store(connection, _sign(signer, trust), trust)
        record(
            connection,
            config.school_id,
            actor=actor,
            action="trust.announced",
            subject=f"trust/{trust.version}",
            detail=f"{len(ca_certificates)} CAs, devices come to {trust.enrol_address} and {trust.events_address}",
            now_ns=now_ns,
        )
    return trust


def announce_served(
    engine: Engine, config: Config, *, ca_certificates: tuple[bytes, ...], served: Addresses, now_ns: int
) -> Trust | None:
    """Tell devices of the ports that are served now and of the CAs, if they were told others: when a collector starts.

    Under the hosts that they were told: which of this machine's names they can reach only a person knows.

    Raises:
        UsageError: a port that is served is none.
        SignatureError: the newest statement is not ours.
        MalformedError: the newest statement cannot be read.
        StoreError: the database does not answer.
    """
    newest = find_trust(engine, config.school_id)
    if newest is None:
        return None
    told = open_own_trust(newest, config)
    addresses = Addresses(
        grpc=_at_port_of(told.events_address, served.grpc), enrol=_at_port_of(told.enrol_address, served.enrol)
    )
    return announce(
        engine, config, ca_certificates=ca_certificates, addresses=addresses, actor="schoolwarden", now_ns=now_ns
    )


def _at_port_of(told: str, served: str) -> str:
    return join_address(split_address(told)[0], split_address(served)[1])


def list_trusts(engine: Engine, config: Config) -> list[Trust]:
    """Return every statement that was made, oldest first.

    Raises:
        SignatureError: one is not ours.
        MalformedError: one cannot be read.
    """
    query = select(trusts).where(trusts.c.school_id == config.school_id).order_by(trusts.c.version)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [
        open_own_trust(SignedTrust(body=row.body, algorithm=row.algorithm, signature=row.signature), config)
        for row in rows
    ]


def _sign(signer: Signer, trust: Trust) -> SignedTrust:
    try:
        return sign_trust(signer, trust)
    except ValueError as error:
        hint = "HOST:PORT with a name or an address of this machine; devices were told nothing"
        raise UsageError(f"devices cannot be told this: {error}", hint=hint) from error


def _store(connection: Connection, signed: SignedTrust, trust: Trust) -> None:
    connection.execute(
        insert(trusts).values(
            school_id=trust.school_id,
            version=trust.version,
            made_at_ns=trust.made_at_ns,
            body=signed.body,
            algorithm=signed.algorithm,
            signature=signed.signature,
        )
    )


def _find(connection: Connection, school_id: str, newer_than: int) -> SignedTrust | None:
    query = (
        select(trusts)
        .where(trusts.c.school_id == school_id, trusts.c.version > newer_than)
        .order_by(trusts.c.version.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return SignedTrust(body=row.body, algorithm=row.algorithm, signature=row.signature)
