# SPDX-License-Identifier: Apache-2.0
"""init, serve and migrate: a collector comes to be, and runs."""

import argparse
import sys
from typing import Any

from collector.commands.arguments import add_command, add_dir
from collector.config import DEFAULT_ENROL, DEFAULT_GRPC, DEFAULT_HTTP, Addresses, load_addresses, load_config


def add_init(commands: Any) -> None:
    """Add `init`."""
    parser = add_command(
        commands, "init", _init, "make a new collector; prints the first administrator's one-time password"
    )
    add_dir(parser)
    parser.add_argument(
        "--school", default="Our school", metavar="NAME", help="the school's name (default: Our school)"
    )
    parser.add_argument(
        "--pack", default="uk-baseline", metavar="NAME", help="rules to begin with: see packs (default: uk-baseline)"
    )
    parser.add_argument(
        "--database", default="", metavar="URL", help="postgresql+psycopg://... (default: an encrypted file in D)"
    )


def _init(options: argparse.Namespace) -> int:
    from collector.setup import FIRST_ADMINISTRATOR, initialise

    password = initialise(options.dir, database=options.database, school_name=options.school, pack=options.pack)
    sys.stderr.write(
        f"A collector for {options.school}, under the pack {options.pack}, is in {options.dir}. "
        f"First administrator: {FIRST_ADMINISTRATOR}, with this one-time password:\n"
    )
    sys.stdout.write(password + "\n")
    sys.stdout.flush()
    sys.stderr.write(f"Next: schoolwarden-collector serve --dir {options.dir}\n")
    return 0


def add_serve(commands: Any) -> None:
    """Add `serve`."""
    parser = add_command(commands, "serve", _serve, "serve devices and the console until told to stop")
    add_dir(parser)
    parser.add_argument(
        "--grpc", metavar="HOST:PORT", help=f"where devices send events (default: as last, or {DEFAULT_GRPC})"
    )
    parser.add_argument(
        "--enrol", metavar="HOST:PORT", help=f"where devices enrol (default: as last, or {DEFAULT_ENROL})"
    )
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        help=f"the console (default: as last, or {DEFAULT_HTTP}); with TLS unless on loopback",
    )


def _serve(options: argparse.Namespace) -> int:
    from collector.addresses import split_address
    from collector.app import serve, to_json

    config = load_config(options.dir)
    last = load_addresses(options.dir) or Addresses()
    addresses = Addresses(options.grpc or last.grpc, options.enrol or last.enrol, options.http or last.http)
    for address in (addresses.grpc, addresses.enrol, addresses.http):
        split_address(address)

    def announce(served: Addresses) -> None:
        sys.stdout.write(to_json(served) + "\n")
        sys.stdout.flush()
        sys.stderr.write(f"Serving {config.school_name}. Stop with Ctrl-C.\n")

    serve(config, addresses, announce)
    return 0


def add_migrate(commands: Any) -> None:
    """Add `migrate`."""
    parser = add_command(commands, "migrate", _migrate, "bring the database to this version's schema; back it up first")
    add_dir(parser)


def _migrate(options: argparse.Namespace) -> int:
    from collector.store.engine import find_schema_version, migrate, open_engine

    engine = open_engine(load_config(options.dir))
    migrate(engine)
    sys.stderr.write(f"The database has schema {find_schema_version(engine)}.\n")
    return 0
