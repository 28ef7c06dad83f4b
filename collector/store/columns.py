# SPDX-License-Identifier: Apache-2.0
"""What every table has: the one metadata, the number that holds 64 bits on every engine, the school."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String

metadata = MetaData()

# 64 bits on every engine; SQLite gives only INTEGER primary keys the fast rowid.
Number = BigInteger().with_variant(Integer, "sqlite")


def make_school_column() -> Column[str]:
    """Return the column that says whose a row is."""
    return Column("school_id", String(16), nullable=False)
