# SPDX-License-Identifier: Apache-2.0
"""Makes a new collector: its folder, keys, database, first policy and first administrator."""

import re
import secrets
import shutil
import time
from pathlib import Path

from sqlalchemy import Engine, insert, inspect, select, text

from collector.authority import make_authority
from collector.config import Config, write_config
from collector.errors import UsageError
from collector.policies import PACK, choose_pack
from collector.roles import Role
from collector.store.engine import find_schema_version, make_ledger_key, migrate, open_engine, writing
from collector.store.schema import metadata, schools
from collector.users import add_user
from proto.files import verify_own_folder, write_private
from proto.keys import Ed25519Signer
from rules.load import load_pack

FIRST_ADMINISTRATOR = "admin"
UNFINISHED = "init.unfinished"
"""Lies in the folder while it is being made, and holds the school's id: what the database has of it may go again."""


def initialise(folder: Path, *, database: str, school_name: str, pack: str = PACK) -> str:
    """Make a collector in an empty folder and return the first administrator's one-time password.

    The settings are written last: a folder with settings is whole, and one without can be made again.

    Raises:
        RulesError: there is no such pack.
        UsageError: there is a collector already, or the folder or the database holds something else.
        StoreError: the database does not answer.
        UnsafeFolderError: others can change what lies in the folder.
    """
    verify_own_folder(folder)
    if (folder / "collector.toml").exists():
        raise UsageError(f"{folder} is a collector's folder already", hint="serve it, or choose another folder")
    if not school_name.strip():
        raise UsageError("a school needs a name", hint="--school NAME")
    # Before anything is made: a wrong name must leave nothing behind.
    load_pack(pack)
    unfinished = _clear_half_made(folder)
    school_id = unfinished or secrets.token_hex(8)
    config = Config(folder=folder, school_id=school_id, school_name=school_name.strip(), database=database)
    write_private(folder / UNFINISHED, school_id.encode())
    make_authority(config.authority_folder)
    signer = Ed25519Signer.generate()
    write_private(config.signing_key, signer.to_pem())
    if not database:
        make_ledger_key(config.ledger_key)
    engine = open_engine(config)
    if database and find_schema_version(engine) is not None:
        _drop_half_made(engine, unfinished)
    migrate(engine)
    now_ns = time.time_ns()
    with writing(engine) as connection:
        connection.execute(
            insert(schools).values(school_id=config.school_id, name=config.school_name, created_at_ns=now_ns)
        )
    choose_pack(
        engine, config.school_id, signer, pack=pack, actor="init", reason=f"the pack {pack}, at first", now_ns=now_ns
    )
    password = add_user(engine, config.school_id, FIRST_ADMINISTRATOR, {Role.ADMINISTRATOR}, now_ns)
    engine.dispose()
    # In this order: whatever ends us here, nobody's keys are ever taken for half-made ones.
    (folder / UNFINISHED).unlink()
    write_config(config)
    return password


def _clear_half_made(folder: Path) -> str:
    """Remove what an interrupted `init` left, and nothing else: without its mark, keys and ledger are somebody's.

    The mark stays, and the school's id in it is returned; empty when there is none.
    """
    if not folder.exists():
        return ""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="choose another place")
    is_ours = (folder / UNFINISHED).exists()
    ours = {"authority", "signing", "store", UNFINISHED} if is_ours else set()
    strangers = sorted(each.name for each in folder.iterdir() if each.name not in ours)
    if strangers:
        raise UsageError(f"{folder} is not empty: it holds {strangers[0]}", hint="choose an empty or a new folder")
    for name in ours - {UNFINISHED}:
        shutil.rmtree(folder / name, ignore_errors=True)
    found = (folder / UNFINISHED).read_text(encoding="ascii", errors="replace") if is_ours else ""
    return found if re.fullmatch("[0-9a-f]{16}", found) else ""


def _drop_half_made(engine: Engine, school_id: str) -> None:
    """Drop the tables that an interrupted `init` of this school made; what holds a row of another is not touched."""
    if not school_id:
        raise _taken()
    with writing(engine) as connection:
        here = set(inspect(connection).get_table_names())
        for table in metadata.sorted_tables:
            others = select(table.c.school_id).where(table.c.school_id != school_id).limit(1)
            if table.name not in here or connection.execute(others).first() is not None:
                raise _taken()
        metadata.drop_all(connection)
        connection.execute(text("drop table alembic_version"))


def _taken() -> UsageError:
    return UsageError(
        "this database holds a collector already", hint="name another, or restore that collector's folder"
    )
