# SPDX-License-Identifier: Apache-2.0
"""token and tokens: who may enrol a device, until when, and no more; and under which name devices come here."""

import argparse
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.config import Addresses, Config, load_addresses
from collector.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from proto.trust import Trust

_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def add_token(commands: Any) -> None:
    """Add `token`."""
    parser = add_command(commands, "token", _token, "make an enrolment token; prints it and nothing else on stdout")
    add_dir(parser)
    parser.add_argument(
        "--uses", type=int, required=True, metavar="N", help="for how many devices; with 1 it is confirmed at once"
    )
    parser.add_argument("--valid-for", type=_duration, required=True, metavar="7d", help="m, h, d or w; up to 90 days")
    parser.add_argument(
        "--address",
        metavar="HOST",
        help="the name or address that devices reach this collector under (default: as they were told before)",
    )


def _token(options: argparse.Namespace) -> int:
    from collector.authority import load_authorities
    from collector.enrolment import make_token
    from collector.enrolment.tokens import verify_terms
    from collector.trusts import announce

    valid_for_ns = options.valid_for * 10**9
    verify_terms(options.uses, valid_for_ns)
    config, engine = open_folder(options)
    addresses = _find_addresses_for_token(engine, config, options.address)
    authorities = load_authorities(config.authority_folder)
    now_ns = time.time_ns()
    # Devices that come with this token are told the same as all others.
    announce(
        engine,
        config,
        ca_certificates=authorities.certificates_der,
        addresses=addresses,
        actor=COMMAND_LINE,
        now_ns=now_ns,
    )
    text = make_token(
        engine,
        config,
        authorities.current,
        addresses,
        uses=options.uses,
        valid_for_ns=valid_for_ns,
        now_ns=now_ns,
        actor=COMMAND_LINE,
    )
    sys.stdout.write(text + "\n")
    return 0


def _find_addresses_for_token(engine: "Engine", config: Config, given: str | None) -> Addresses:
    """Return where a token's devices come to. All devices come to the same place: a token does not move the others.

    Raises:
        UsageError: nobody knows a place, or the others are told another.
    """
    from collector.devices import list_devices
    from collector.trusts import list_trusts

    statements = list_trusts(engine, config)
    told = statements[-1] if statements else None
    if told is None or not any(device.may_speak for device in list_devices(engine, config.school_id)):
        return find_public_addresses(config.folder, given, told)
    addresses = find_public_addresses(config.folder, given, told, told_counts=True)
    if _hosts(addresses.grpc, addresses.enrol) != _hosts(told.events_address, told.enrol_address):
        raise UsageError(
            f"devices are told to come to {_hosts(told.events_address)[0]}, not to {given}",
            hint=f"tell them first: schoolwarden-collector authority announce --address {given} --dir {config.folder}",
        )
    return addresses


def find_public_addresses(
    folder: Path, given: str | None, told: "Trust | None", *, told_counts: bool = False
) -> Addresses:
    """Return where devices reach the listeners that were served last.

    Under the host that is given, or that devices were told when that counts, or that is served, or else was told.

    Raises:
        UsageError: none of these is a host that devices can reach, or nothing was ever served.
    """
    from collector.addresses import is_any, join_address, split_address, to_host

    served = load_addresses(folder)
    if served is None:
        raise UsageError("this collector was never served, so it has no address", hint="serve it once first")
    hosts = _hosts(served.grpc, served.enrol)
    if given is not None:
        hosts = [to_host(given)] * 2
    elif told is not None and (told_counts or any(is_any(host) for host in hosts)):
        hosts = _hosts(told.events_address, told.enrol_address)
    elif any(is_any(host) for host in hosts):
        raise UsageError(f"devices cannot reach {hosts[0]}", hint="--address HOST: this machine's name or address")
    ports = [split_address(address)[1] for address in (served.grpc, served.enrol)]
    return Addresses(grpc=join_address(hosts[0], ports[0]), enrol=join_address(hosts[1], ports[1]))


def _hosts(*addresses: str) -> list[str]:
    from collector.addresses import split_address

    return [split_address(address)[0] for address in addresses]


def add_tokens(commands: Any) -> None:
    """Add `tokens`, with `list` and `withdraw`."""
    about = "the enrolment tokens that were made: list, withdraw"
    actions = commands.add_parser("tokens", help=about, description=about).add_subparsers(
        required=True, metavar="ACTION"
    )
    listed = add_command(actions, "list", _tokens_list, "list the tokens, newest first; their secrets are kept nowhere")
    add_dir(listed)
    add_format(listed)
    withdraw = add_command(
        actions, "withdraw", _tokens_withdraw, "let no device enrol with a token any more; its devices stay"
    )
    withdraw.add_argument("id", type=_token_id, metavar="ID", help="its id, as `tokens list` shows it")
    add_dir(withdraw)


def _tokens_list(options: argparse.Namespace) -> int:
    from collector.enrolment import list_tokens

    config, engine = open_folder(options)
    rows = [with_times(asdict(token)) for token in list_tokens(engine, config.school_id, time.time_ns())]
    print_rows(rows, options.format, "no token was made yet")
    return 0


def _tokens_withdraw(options: argparse.Namespace) -> int:
    from collector.enrolment import withdraw_token

    config, engine = open_folder(options)
    token = withdraw_token(engine, config.school_id, options.id, now_ns=time.time_ns(), actor=COMMAND_LINE)
    sys.stderr.write(f"Token {token.id} is withdrawn. {token.uses} of {token.uses_allowed} devices came with it.\n")
    return 0


def _token_id(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", text):
        # Not repeated: somebody may have given the token itself, and logs keep what is printed.
        raise argparse.ArgumentTypeError("this is not a token's id: 16 of 0-9 and a-f, as `tokens list` shows it")
    return text


def _duration(text: str) -> int:
    """Return seconds."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 30m, 12h, 7d or 2w")
    return int(found[1]) * _UNITS_S[found[2]]
