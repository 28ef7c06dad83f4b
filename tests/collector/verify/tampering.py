# SPDX-License-Identifier: Apache-2.0
"""Changes the database of a school behind the collector's back, row by row, and tells what verify says of it."""

import re
from typing import Any

from sqlalchemy import Table, delete, select, update

from collector.erasure import erase_events
from collector.store.engine import reading, writing
from collector.store.schema import devices, envelopes
from collector.tombstones import Reason
from collector.verify import verify
from proto.keys import load_signer
from tests.collector.school import School


def problems_of(school: School) -> list[str]:
    """Return what verify says, with ids and the numbers of audit rows left out."""
    report = verify(school.engine, school.config)
    with reading(school.engine) as connection:
        ids = [row[0] for row in connection.execute(select(devices.c.device_id))]
    problems = [re.sub(r"\brow \d+", "row N", problem) for problem in report.problems]
    for device_id in ids:
        problems = [problem.replace(device_id, "X") for problem in problems]
    return problems


def change(school: School, table: Table, where: Any, **values: Any) -> None:
    """Change one row; any other number is a mistake of the test."""
    with writing(school.engine) as connection:
        assert connection.execute(update(table).where(where).values(**values)).rowcount == 1


def remove(school: School, table: Table, where: Any, rows: int = 1) -> None:
    """Remove rows."""
    with writing(school.engine) as connection:
        assert connection.execute(delete(table).where(where)).rowcount == rows


def read(school: School, column: Any, where: Any) -> Any:
    """Return one value."""
    with reading(school.engine) as connection:
        return connection.execute(select(column).where(where)).scalar_one()


def spoil(school: School, column: Any, where: Any) -> None:
    """Change one byte of a value."""
    value = bytearray(read(school, column, where))
    value[len(value) // 2] ^= 1
    change(school, column.table, where, **{column.name: bytes(value)})


def first_device(school: School) -> str:
    """Return the device whose envelope is the first in the ledger."""
    return str(read(school, envelopes.c.device_id, envelopes.c.first_event_id == 1))


def without_checkpoints(problems: list[str]) -> list[str]:
    """Leave out what follows for checkpoints from a chain that could not be checked."""
    follows = "the ledger does not hold it any more", "saw another key"
    return [problem for problem in problems if not any(each in problem for each in follows)]


def erase(school: School, *event_ids: int) -> None:
    """Erase the content of events."""
    signer = load_signer(school.config.signing_key)
    erase_events(
        school.engine, school.id, signer, event_ids, reason=Reason.REQUEST, note="SAR 12", now_ns=school.now_ns
    )
