# SPDX-License-Identifier: Apache-2.0
"""Changes the CA without touching a device: a new one is made, devices are told, and the former one goes when it may.

A device that lay in a cupboard and knows only the former CA still finds us, because that CA vouches for the new one; it
learns of the new one on its stream or with its next certificate. Which CA may go is asked here; the files are those of
`authority`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy import Connection, Engine, and_, func, not_, select, true

from collector.audit import COMMAND_LINE, record
from collector.authority import load_authorities, retire_authority, rotate_authority
from collector.config import Config
from collector.devices import SPEAKING_STATES
from collector.enrolment.certificates import to_authority_sha256
from collector.errors import UsageError
from collector.store.engine import reading, writing
from collector.store.schema import certificates, devices, tokens
from collector.trusts import announce, list_trusts
from proto.trust import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityStatus:
    """One CA, and who needs it."""

    name: str
    fingerprint: str
    """SHA-256 of its certificate; hexadecimal."""
    is_issuing: bool
    is_announced: bool
    """Whether the newest statement tells devices to trust it."""
    devices: int
    """That may speak and need this CA: their newest certificate is of it, or they are set back."""
    set_back: int
    """Those of them that are declared to be set back to an image, which may know this CA and none that came later."""
    expires_at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the CAs stand."""

    authorities: tuple[AuthorityStatus, ...]
    """The one that issues first."""
    trust: Trust | None
    """The newest statement to devices; None before the first token."""
    devices_behind: int
    """That may speak and did not say yet that they know the CA that issues; they may know only a former one."""
    old_tokens: int
    """Still good, and made before this CA: devices that enrol with one know only a former one."""

    def list_set_back(self) -> tuple[str, ...]:
        """Return in words which former CAs stay needed by images, whatever certificates devices hold meanwhile."""
        return tuple(
            ("1 device is" if each.set_back == 1 else f"{each.set_back} devices are")
            + f" set back to an image that may know only {each.name}"
            for each in self.authorities
            if each.set_back and not each.is_issuing
        )


@dataclass(frozen=True, slots=True)
class Retirement:
    """A former CA that may be dropped."""

    authority: AuthorityStatus
    needs: str
    """In words, who needs it still and must enrol again."""


def find_standing(engine: Engine, config: Config, now_ns: int) -> Standing:
    """Return how the CAs stand.

    Raises:
        UsageError: the CAs cannot be loaded.
        StoreError: the database does not answer.
        SignatureError: a statement of trust is not ours.
        MalformedError: a statement of trust cannot be read.
    """
    authorities = load_authorities(config.authority_folder)
    made = list_trusts(engine, config)
    trust = made[-1] if made else None
    current = authorities.current.certificate_der
    introduced = next((each for each in made if each.ca_certificates[0] == current), None)
    newest_first = (authorities.current.certificate, *authorities.former)
    with reading(engine) as connection:
        is_first = not authorities.former
        behind = 0 if is_first else _count_behind(connection, config.school_id, introduced)
        old_tokens = 0 if is_first else _count_old_tokens(connection, config.school_id, introduced, now_ns)
        needs = [
            _count_needs(connection, config.school_id, each, _find_end(newest_first[:place], made))
            for place, each in enumerate(newest_first)
        ]
    return Standing(
        authorities=tuple(
            _to_status(each, each is authorities.current.certificate, trust, *counts)
            for each, counts in zip(newest_first, needs, strict=True)
        ),
        trust=trust,
        devices_behind=behind,
        old_tokens=old_tokens,
    )


def rotate(engine: Engine, config: Config, *, now_ns: int, actor: str = COMMAND_LINE) -> Standing:
    """Make a new CA, tell devices, and return how the CAs stand then. A collector that is serving shows it at once.

    Raises:
        UsageError: the CAs cannot be loaded, or there are too many.
        StoreError: the database does not answer.
    """
    # Asked first: a database that does not answer must not leave a CA that devices are not told of.
    find_standing(engine, config, now_ns)
    authorities = rotate_authority(config.authority_folder)
    _record(engine, config, "authority.rotated", authorities.certificates_der[0], now_ns=now_ns, actor=actor)
    announce(engine, config, ca_certificates=authorities.certificates_der, actor=actor, now_ns=now_ns)
    return find_standing(engine, config, now_ns)


def weigh_retirement(engine: Engine, config: Config, *, even_if_needed: bool = False, now_ns: int) -> Retirement:
    """Return which CA would be dropped now, and who needs it still. Nothing is changed.

    Raises:
        UsageError: there is no former CA, or devices need it still: without it they must enrol again.
        StoreError: the database does not answer.
    """
    standing = find_standing(engine, config, now_ns)
    oldest, needs = standing.authorities[-1], _list_needs(standing)
    if oldest.is_issuing:
        raise UsageError("there is no former CA", hint="make a new one first: schoolwarden-collector authority rotate")
    if needs and not even_if_needed:
        raise UsageError(
            f"{oldest.name} is still needed: {'; '.join(needs)}",
            hint="wait for them, and enrol again what is set back, before its new image is made; "
            "--even-if-needed drops it all the same, and those devices must enrol again",
        )
    return Retirement(oldest, "; ".join(needs) or "nobody needed it")


def retire(
    engine: Engine, config: Config, *, even_if_needed: bool = False, now_ns: int, actor: str = COMMAND_LINE
) -> AuthorityStatus:
    """Drop the oldest of the former CAs, and return which it was.

    Raises:
        UsageError: there is none, or devices need it still: without it they must enrol again.
        StoreError: the database does not answer.
    """
    retirement = weigh_retirement(engine, config, even_if_needed=even_if_needed, now_ns=now_ns)
    dropped = retire_authority(config.authority_folder)
    authorities = load_authorities(config.authority_folder)
    announce(engine, config, ca_certificates=authorities.certificates_der, actor=actor, now_ns=now_ns)
    _record(engine, config, "authority.retired", _to_der(dropped), detail=retirement.needs, now_ns=now_ns, actor=actor)
    return retirement.authority


def _list_needs(standing: Standing) -> list[str]:
    """Return in words who needs the oldest CA."""
    oldest = standing.authorities[-1]
    needs = (
        (oldest.devices - oldest.set_back, "1 device holds", "{} devices hold", "a certificate of it"),
        (oldest.set_back, "1 device is", "{} devices are", "set back to an image that may know only this CA"),
        (
            standing.devices_behind,
            "1 device did not say yet that it knows",
            "{} devices did not say yet that they know",
            "the new one",
        ),
        (
            standing.old_tokens,
            "1 token that is still good was",
            "{} tokens that are still good were",
            "made before the new one",
        ),
    )
    return [f"{one if count == 1 else many.format(count)} {rest}" for count, one, many, rest in needs if count]


def _to_status(
    certificate: x509.Certificate, is_issuing: bool, trust: Trust | None, holders: int, set_back: int
) -> AuthorityStatus:
    der = _to_der(certificate)
    return AuthorityStatus(
        name=str(certificate.subject.rfc4514_string().removeprefix("CN=")),
        fingerprint=to_authority_sha256(der).hex(),
        is_issuing=is_issuing,
        is_announced=trust is not None and der in trust.ca_certificates,
        devices=holders + set_back,
        set_back=set_back,
        expires_at_ns=int(certificate.not_valid_after_utc.timestamp()) * 10**9,
    )


def _find_end(newer: Sequence[x509.Certificate], made: list[Trust]) -> int | None:
    """Return from when on devices learned of a newer CA as the one that issues, when they enrolled; None: they do not.

    Before that, an image of a device knows no newer one.
    """
    issuing = {_to_der(each) for each in newer}
    return next((each.made_at_ns for each in made if each.ca_certificates[0] in issuing), None)


def _count_needs(
    connection: Connection, school_id: str, certificate: x509.Certificate, end_ns: int | None
) -> tuple[int, int]:
    """Count the devices that may speak and need a CA: by the newest certificate that they were given, and the others,
    whose image may be older than the next CA. No device is in both.
    """
    is_before_end = true() if end_ns is None else devices.c.enrolled_at_ns <= end_ns
    is_set_back = and_(devices.c.is_reset_often.is_(true()), is_before_end)
    latest = (
        select(func.max(certificates.c.made_at_ns))
        .where(certificates.c.device_id == devices.c.device_id)
        .correlate(devices)
        .scalar_subquery()
    )
    holds = (
        select(certificates.c.device_id)
        .where(
            certificates.c.device_id == devices.c.device_id,
            certificates.c.authority_sha256 == to_authority_sha256(_to_der(certificate)),
            certificates.c.made_at_ns == latest,
        )
        .correlate(devices)
        .exists()
    )
    speaking = select(func.count()).where(
        devices.c.school_id == school_id, devices.c.state.in_([state.value for state in SPEAKING_STATES])
    )
    holders = connection.execute(speaking.where(holds, not_(is_set_back))).scalar_one()
    return holders, connection.execute(speaking.where(is_set_back)).scalar_one()


def _to_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _count_behind(connection: Connection, school_id: str, introduced: Trust | None) -> int:
    query = select(func.count()).where(
        devices.c.school_id == school_id, devices.c.state.in_([state.value for state in SPEAKING_STATES])
    )
    if introduced is not None:
        query = query.where(devices.c.trust_version < introduced.version)
    return connection.execute(query).scalar_one()


def _count_old_tokens(connection: Connection, school_id: str, introduced: Trust | None, now_ns: int) -> int:
    query = select(func.count()).where(
        tokens.c.school_id == school_id,
        tokens.c.withdrawn_at_ns.is_(None),
        tokens.c.expires_at_ns > now_ns,
        tokens.c.uses < tokens.c.uses_allowed,
    )
    if introduced is not None:
        query = query.where(tokens.c.made_at_ns < introduced.made_at_ns)
    return connection.execute(query).scalar_one()


def _record(
    engine: Engine, config: Config, action: str, certificate_der: bytes, *, detail: str = "", now_ns: int, actor: str
) -> None:
    subject = f"authority/{to_authority_sha256(certificate_der).hex()[:16]}"
    with writing(engine) as connection:
        record(connection, config.school_id, actor=actor, action=action, subject=subject, detail=detail, now_ns=now_ns)
