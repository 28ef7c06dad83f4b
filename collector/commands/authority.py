# SPDX-License-Identifier: Apache-2.0
"""authority: the CA that devices trust, changed without touching one; and where devices are told to come."""

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from collector.commands.arguments import COMMAND_LINE, add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.enrolment.rotation import AuthorityStatus, Standing

ROTATION = """\
A rotation makes a new CA and destroys the key of the one that issues now:
  - new certificates are of the new CA; those that devices hold stay good until they expire
  - devices are told: connected ones within seconds, others when they come back, since the former CA vouches for it
  - tokens that were made before stay good
  - a backup of authority/ from before is of no use any more; make one afterwards
"""
RETIREMENT = """\
A retirement drops the oldest former CA for good:
  - whoever comes with a certificate of it, or knows no other CA, is not let in any more and must enrol again
  - devices are told: connected ones within seconds, others when they come back
"""
NOTHING_CHANGED = "Nothing was changed. To do it: --yes\n"


def add_authority(commands: Any) -> None:
    """Add `authority`, with `status`, `rotate`, `retire` and `announce`."""
    about = "the CA that devices trust: status, rotate, retire, announce"
    actions = commands.add_parser("authority", help=about, description=about).add_subparsers(
        required=True, metavar="ACTION"
    )
    status = add_command(actions, "status", _status, "list the CAs, who needs them, and what devices are told")
    rotate = add_command(actions, "rotate", _rotate, "make a new CA; without --yes it only says what it would do")
    rotate.add_argument("--yes", action="store_true", help="do it")
    retire = add_command(
        actions, "retire", _retire, "drop the oldest former CA; without --yes it only says what it would do"
    )
    retire.add_argument("--yes", action="store_true", help="do it")
    retire.add_argument(
        "--even-if-needed", action="store_true", help="devices that need it must enrol again; for a stolen key"
    )
    announce = add_command(
        actions, "announce", _announce, "tell devices of the CAs again, and under which host to come from now on"
    )
    announce.add_argument("--address", metavar="HOST", help="a name or address of this machine (default: as before)")
    for parser in (status, rotate, retire, announce):
        add_dir(parser)
        add_format(parser)


def _status(options: argparse.Namespace) -> int:
    from collector.enrolment.rotation import find_standing

    config, engine = open_folder(options)
    _show(find_standing(engine, config, time.time_ns()), options.format)
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from collector.enrolment.rotation import find_standing, rotate

    config, engine = open_folder(options)
    if not options.yes:
        standing = find_standing(engine, config, time.time_ns())
        sys.stderr.write(ROTATION)
        _show(standing, options.format)
        sys.stderr.write(NOTHING_CHANGED)
        return 0
    standing = rotate(engine, config, now_ns=time.time_ns(), actor=COMMAND_LINE)
    _show(standing, options.format)
    sys.stderr.write("There is a new CA. Make a backup of authority/ now.\n")
    return 0


def _retire(options: argparse.Namespace) -> int:
    from collector.enrolment.rotation import retire, weigh_retirement

    config, engine = open_folder(options)
    if not options.yes:
        retirement = weigh_retirement(engine, config, even_if_needed=options.even_if_needed, now_ns=time.time_ns())
        sys.stderr.write(RETIREMENT)
        print_rows([_to_row(retirement.authority)], options.format, "")
        sys.stderr.write(f"{retirement.authority.name}: {retirement.needs}.\n")
        sys.stderr.write(NOTHING_CHANGED)
        return 0
    dropped = retire(engine, config, even_if_needed=options.even_if_needed, now_ns=time.time_ns(), actor=COMMAND_LINE)
    print_rows([_to_row(dropped)], options.format, "")
    sys.stderr.write(f"{dropped.name} is trusted no more.\n")
    return 0


def _announce(options: argparse.Namespace) -> int:
    from collector.addresses import to_host
    from collector.authority import load_authorities
    from collector.commands.tokens import find_public_addresses
    from collector.enrolment.rotation import find_standing
    from collector.trusts import announce

    if options.address is not None:
        to_host(options.address)
    config, engine = open_folder(options)
    now_ns = time.time_ns()
    told = find_standing(engine, config, now_ns).trust
    if told is None and options.address is None:
        raise UsageError("devices were never told where to come", hint="--address HOST: this machine's name or address")
    addresses = find_public_addresses(config.folder, options.address, told, told_counts=True)
    authorities = load_authorities(config.authority_folder)
    announce(
        engine,
        config,
        ca_certificates=authorities.certificates_der,
        addresses=addresses,
        actor=COMMAND_LINE,
        now_ns=now_ns,
    )
    _show(find_standing(engine, config, now_ns), options.format)
    return 0


def _show(standing: "Standing", format: str) -> None:
    print_rows([_to_row(each) for each in standing.authorities], format, "no CA")
    if standing.trust is None:
        sys.stderr.write("Devices are told nothing yet: the first token begins it.\n")
        return
    trust = standing.trust
    sys.stderr.write(f"Statement {trust.version} tells devices to come to {trust.events_address}.\n")
    if not all(each.is_announced for each in standing.authorities):
        sys.stderr.write("It does not name all of these CAs. To tell devices: authority announce\n")
    if standing.devices_behind or standing.old_tokens:
        devices = "1 device" if standing.devices_behind == 1 else f"{standing.devices_behind} devices"
        is_one = standing.old_tokens == 1
        tokens = (
            "1 token that is still good was" if is_one else f"{standing.old_tokens} tokens that are still good were"
        )
        sys.stderr.write(f"{devices} may not know the new CA yet; {tokens} made before it.\n")
    for each in standing.list_set_back():
        sys.stderr.write(each + ".\n")


def _to_row(status: "AuthorityStatus") -> dict[str, Any]:
    return with_times(
        {
            "name": status.name,
            "state": "issues" if status.is_issuing else "former",
            "devices": status.devices,
            "announced": status.is_announced,
            "expires_at_ns": status.expires_at_ns,
            "fingerprint": status.fingerprint,
        }
    )
