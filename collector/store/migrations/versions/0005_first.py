# SPDX-License-Identifier: Apache-2.0
"""The first schema. Until the first release it is made from `schema` itself; afterwards it is frozen here.

0001 to 0004 were made from earlier ones: `collector.store.engine` says that their databases cannot be brought up.
"""

from alembic import op

from collector.store.schema import metadata

revision = "0005"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    metadata.create_all(op.get_bind(), checkfirst=False)
