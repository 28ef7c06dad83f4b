# SPDX-License-Identifier: Apache-2.0
"""Who of a visit's user reads which flags: asked in this one place for every page. The law is `collector.readers`'."""

from collector.console.visit import Visit
from collector.readers import Reader, find_reader
from collector.subjects import load_subject_key


def find_reader_of(visit: Visit, user: str = "") -> Reader:
    """Return what the user of a visit may read now, or another user.

    Raises:
        RecipientsError: the signed set does not verify.
        StoreError: the database or the subject key cannot be read.
    """
    return find_reader(
        visit.engine,
        visit.school_id,
        user or visit.user.user,
        subject_key=load_subject_key(visit.console.config),
        now_ns=visit.now_ns,
    )
