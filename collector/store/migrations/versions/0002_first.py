# SPDX-License-Identifier: Apache-2.0
"""The first schema. Until the first release it is made from `schema` itself; afterwards it is frozen here.

0001 was made from an earlier `schema`: `collector.store.engine` says that its databases cannot be brought up.
"""

from alembic import op

from collector.store.schema import metadata

revision = "0002"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind(), checkfirst=False)
