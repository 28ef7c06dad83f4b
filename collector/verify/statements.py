# SPDX-License-Identifier: Apache-2.0
"""Steps 6 to 10 of verify: what the collector itself signed or linked beside the evidence of devices.

Policies, sets of readers, statements of trust, records of disposal, the audit log. How each is made is in its module.
"""

from typing import Any

from sqlalchemy import Engine, Row, Table, select

from collector.audit import verify_audit
from collector.config import Config
from collector.devices import DeviceState
from collector.disposals import verify_disposals
from collector.policies import open_own_bundle
from collector.recipients import find_problems
from collector.store.engine import reading
from collector.store.schema import bundles, devices, disposals, trusts
from collector.trusts import open_own_trust
from collector.verify.report import FAULTS, Report, in_words
from proto.errors import MalformedError
from proto.keys import Verifier
from proto.wire import Bundle, SignedTrust


def verify_bundles(engine: Engine, config: Config, report: Report) -> None:
    """Step 6."""
    for expected, row in enumerate(_load(engine, bundles, config.school_id), 1):
        report.bundles += 1
        if row.version != expected:
            report.problems.append(f"policy version {expected} is missing")
        try:
            bundle = Bundle(version=row.version, body=row.body, algorithm=row.algorithm, signature=row.signature)
            open_own_bundle(bundle, config)
        except FAULTS as error:
            report.problems.append(f"policy version {row.version}: {in_words(error)}")


def verify_readers(engine: Engine, school_id: str, report: Report) -> None:
    """Step 7."""
    report.recipient_sets, problems = find_problems(engine, school_id)
    report.problems.extend(problems)


def verify_trusts(engine: Engine, config: Config, report: Report) -> None:
    """Step 8."""
    for expected, row in enumerate(_load(engine, trusts, config.school_id), 1):
        report.trusts += 1
        if row.version != expected:
            report.problems.append(f"statement of trust {expected} is missing")
        try:
            signed = SignedTrust(body=row.body, algorithm=row.algorithm, signature=row.signature)
            if open_own_trust(signed, config).version != row.version:
                raise MalformedError("it is the statement of another version")
        except FAULTS as error:
            report.problems.append(f"statement of trust {row.version}: {in_words(error)}")


def verify_disposal_records(engine: Engine, school_id: str, own: Verifier, report: Report) -> None:
    """Step 9."""
    try:
        report.problems.extend(verify_disposals(engine, school_id, own))
    except FAULTS as error:
        report.problems.append(f"records of disposal: {in_words(error)}")
    with reading(engine) as connection:
        recorded = list(
            connection.execute(select(disposals.c.device_id).where(disposals.c.school_id == school_id)).scalars()
        )
        retired = select(devices.c.device_id).where(
            devices.c.school_id == school_id, devices.c.state == DeviceState.RETIRED.value
        )
        gone = sorted(set(connection.execute(retired).scalars()).difference(recorded))
    report.disposals = len(recorded)
    report.problems.extend(f"device {each}: is retired, and there is no record of its disposal" for each in gone)


def verify_audit_log(engine: Engine, school_id: str, report: Report) -> None:
    """Step 10."""
    try:
        report.audit_entries = verify_audit(engine, school_id)
    except FAULTS as error:
        report.problems.append(f"audit log: {in_words(error)}")


def _load(engine: Engine, table: Table, school_id: str) -> list[Row[Any]]:
    query = select(table).where(table.c.school_id == school_id).order_by(table.c.version)
    with reading(engine) as connection:
        return list(connection.execute(query))
