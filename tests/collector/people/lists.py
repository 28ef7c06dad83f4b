# SPDX-License-Identifier: Apache-2.0
"""Lists of people for tests, as a school's own records export them."""

import csv
import io
from collections.abc import Mapping

from collector.people import ImportReport, import_people
from collector.people.roster import COLUMNS
from tests.collector.school import School


def write_list(*lines: Mapping[str, str], delimiter: str = ",") -> bytes:
    """Return a file with a line for each person; what is not given is empty, and a person is a pupil."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", delimiter=delimiter)
    writer.writeheader()
    for line in lines:
        writer.writerow({"name": line["person_id"].title(), "kind": "pupil", **line})
    return text.getvalue().encode()


def take(school: School, *lines: Mapping[str, str], **options: bool) -> ImportReport:
    """Import such a file."""
    return import_people(school.engine, school.id, write_list(*lines), actor="root", now_ns=school.now_ns, **options)
