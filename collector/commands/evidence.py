# SPDX-License-Identifier: Apache-2.0
"""devices, incidents, refused and verify: what the collector holds, and whether it stands."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from collector.commands.arguments import add_command, add_dir, add_format, open_folder
from collector.commands.output import print_rows, with_times


def add_lists(commands: Any) -> None:
    """Add `devices`, `incidents` and `refused`."""
    devices = add_command(commands, "devices", _devices, "list the devices")
    incidents = add_command(commands, "incidents", _incidents, "list the security incidents")
    refused = add_command(commands, "refused", _refused, "list what devices sent and was refused, without its bytes")
    for parser in (devices, incidents, refused):
        add_dir(parser)
        add_format(parser)


def _devices(options: argparse.Namespace) -> int:
    from collector.devices import list_devices

    config, engine = open_folder(options)
    now_ns = time.time_ns()
    rows = []
    for device in list_devices(engine, config.school_id):
        row = with_times(asdict(device))
        rows.append(row | {"not_watched": list(device.not_watched), "is_quiet": device.is_quiet(now_ns)})
    shown = ("id", "hostname", "state", "os_version", "last_seen_at", "open_incidents")
    print_rows(rows, options.format, "no device has enrolled yet", shown)
    return 0


def _incidents(options: argparse.Namespace) -> int:
    from collector.incidents import list_incidents
    from proto.events import Audience

    config, engine = open_folder(options)
    incidents = list_incidents(engine, config.school_id, audiences=[Audience.SECURITY], limit=100_000)
    rows = [with_times(asdict(incident)) | {"clauses": list(incident.clauses)} for incident in incidents]
    shown = ("id", "severity", "state", "count", "hostname", "last_seen_at", "summary")
    print_rows(rows, options.format, "no incidents", shown)
    return 0


def _refused(options: argparse.Namespace) -> int:
    from collector.ledger import list_refused

    config, engine = open_folder(options)
    rows = [with_times(asdict(each)) for each in list_refused(engine, config.school_id)]
    shown = ("device", "reason", "count", "size", "first_at", "last_at", "detail", "sha256")
    print_rows(rows, options.format, "nothing was refused", shown)
    return 0


def add_verify(commands: Any) -> None:
    """Add `verify`."""
    parser = add_command(
        commands, "verify", _verify, "check all evidence; 0 if everything verifies, 1 if something does not"
    )
    add_dir(parser)
    add_format(parser)


def _verify(options: argparse.Namespace) -> int:
    from collector.verify import verify

    config, engine = open_folder(options)
    report = verify(engine, config)
    if options.format == "json":
        sys.stdout.write(json.dumps(report.to_json(), indent=1) + "\n")
    else:
        sys.stdout.writelines(f"{problem}\n" for problem in report.problems)
        sys.stdout.write(
            f"{'Something does not verify' if report.problems else 'Everything verifies'}: {report.devices} devices, "
            f"{report.envelopes} envelopes, {report.events} events ({report.without_content} without content), "
            f"{report.checkpoints} checkpoints, {report.bundles} policies, {report.recipient_sets} sets of readers, "
            f"{report.audit_entries} audit entries. "
            "Not evidence and not checked: incidents, users, the allow list.\n"
        )
    return 1 if report.problems else 0
