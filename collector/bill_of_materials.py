# SPDX-License-Identifier: Apache-2.0
"""The inventory as a bill of materials for other programs: CycloneDX 1.6 in JSON, a package URL for each program.

A program stands in it once, however many devices have it; each device is a component of its own with its hardware as
properties, and depends on what is installed on it. Names and versions are what devices say; nothing is looked up, so
it holds no licences and no vulnerabilities.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import uuid4

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.schema.schema import SchemaVersion1Dot6
from packageurl import PackageURL
from sqlalchemy import Engine

from collector.devices import Device, DeviceState, list_devices
from collector.errors import UsageError
from collector.hardware import Hardware, list_hardware
from collector.inventory import Installed, ListState, list_installed, list_states

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
TOOL = "schoolwarden-collector"
_DISTRIBUTIONS = ("debian", "ubuntu", "fedora", "opensuse", "rocky", "almalinux", "centos", "linuxmint", "raspbian")
_CHROME_ID = re.compile(r"(?:.* \()?([a-p]{32})\)?")
"""As agents name extensions: the title, then the identifier in brackets."""
_PREFIX = "schoolwarden"


def make_bill(engine: Engine, school_id: str, school_name: str, *, version: str, device_id: str | None = None) -> str:
    """Return the bill of all devices that may speak, or of one device.

    Raises:
        UsageError: there is no such device.
    """
    states = {each.device: each for each in list_states(engine, school_id)}
    found = [each for each in list_devices(engine, school_id) if each.state == DeviceState.ACTIVE]
    # A device that enrolled between the two reads is in the next bill.
    found = [each for each in found if each.id in states]
    if device_id is not None:
        found = [each for each in found if each.id == device_id]
        if not found:
            hint = "list them: schoolwarden-collector devices"
            raise UsageError(f"there is no device {device_id} that may speak", hint=hint)
    machines = {each.device: each for each in list_hardware(engine, school_id)}
    bill = Bom(serial_number=uuid4())
    bill.metadata.tools.components.add(Component(name=TOOL, version=version, type=ComponentType.APPLICATION))
    bill.metadata.properties.add(Property(name=f"{_PREFIX}:school", value=school_name))
    components: dict[tuple[str, ...], Component] = {}
    needs: dict[str, set[str]] = {}
    for device in found:
        component = _to_device(device, machines.get(device.id), states[device.id])
        for each in list_installed(engine, school_id, device.id):
            # The same program on another device is the same component, and is made once: each takes a while.
            key = (each.source, each.name, each.version, device.os)
            components[key] = components.get(key) or _to_software(each, device.os)
            needs.setdefault(_ref(component), set()).add(_ref(components[key]))
        bill.components.add(component)
    bill.components.update({_ref(each): each for each in components.values()}.values())
    if device_id is not None:
        bill.metadata.component = component
    return _to_json(bill, needs)


def _to_json(bill: Bom, needs: Mapping[str, set[str]]) -> str:
    """Return a bill as text, with what each device needs.

    Not by the library's own outputter, nor with its dependencies: it looks through all of them for each component,
    which takes minutes for a school. What it would find is held by tests against the published schema.
    """
    content: dict[str, Any] = json.loads(cast("Any", bill).as_json(view_=SchemaVersion1Dot6))
    head = {"$schema": SCHEMA, "bomFormat": "CycloneDX", "specVersion": "1.6"}
    graph = [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in sorted(needs.items())]
    return json.dumps(head | content | {"dependencies": graph}, indent=1) + "\n"


def _ref(component: Component) -> str:
    return component.bom_ref.value or ""


def make_purl(source: str, name: str, version: str, os: str = "") -> PackageURL | None:
    """Return the package URL of a program, or None for one without a name.

    Flatpaks, snaps, AppImages, Firefox's extensions and loose files have no registered type: they are generic, and a
    qualifier says what they are.
    """
    if not name.strip("/ "):
        return None
    distribution = next((each for each in _DISTRIBUTIONS if os.casefold().replace(" ", "").startswith(each)), "")
    try:
        if source == "dpkg":
            return PackageURL("deb", distribution or "debian", name, version or None)
        if source == "rpm":
            return PackageURL("rpm", distribution or None, name, version or None)
        if source == "pip":
            return PackageURL("pypi", None, name, version or None)
        if source == "npm":
            scope, _, plain = name.rpartition("/")
            return PackageURL("npm", scope or None, plain, version or None)
        if source == "extension" and (chrome := _CHROME_ID.fullmatch(name)):
            return PackageURL("chrome-extension", None, chrome.group(1), version or None)
        return PackageURL("generic", None, name, version or None, qualifiers={"source": source} if source else None)
    except ValueError:
        return None  # A device can call a program what no package is called.


def _to_software(program: Installed, os: str) -> Component:
    purl = make_purl(program.source, program.name, program.version, os)
    content = json.dumps([str(purl), program.source, program.name, program.version])
    return Component(
        name=program.name or "unnamed",
        version=program.version or None,
        type=ComponentType.APPLICATION,
        bom_ref=f"software-{hashlib.sha256(content.encode()).hexdigest()[:24]}",
        purl=purl,
        properties=[Property(name=f"{_PREFIX}:source", value=program.source)],
    )


def _to_device(device: Device, machine: Hardware | None, state: ListState) -> Component:
    properties = {
        "operating_system": f"{device.os} {device.os_version}".strip(),
        "architecture": device.architecture,
        # Without a list, or with a part of it left out, what is missing here may be installed all the same.
        "software_is_listed": "yes" if state.listed_at_ns is not None else "no",
        "programs_left_out": str(state.left_out),
        "hardware_is_listed": "yes" if machine is not None else "no",
    }
    if machine is not None:
        properties |= {
            "product": machine.product,
            "serial": machine.serial,
            "firmware": machine.firmware,
            "processor": machine.processor,
            "cores": str(machine.cores),
            "memory_bytes": str(machine.memory_bytes),
        }
        for number, disk in enumerate(machine.disks, start=1):
            properties |= {
                f"disk:{number}:model": disk.model,
                f"disk:{number}:serial": disk.serial,
                f"disk:{number}:size_bytes": str(disk.size_bytes),
                f"disk:{number}:technology": disk.technology,
            }
    return Component(
        name=device.hostname or device.id,
        type=ComponentType.DEVICE,
        bom_ref=f"device-{device.id}",
        manufacturer=OrganizationalEntity(name=machine.manufacturer) if machine and machine.manufacturer else None,
        properties=_to_properties(properties.items()),
    )


def _to_properties(pairs: Iterable[tuple[str, str]]) -> list[Property]:
    return [Property(name=f"{_PREFIX}:{name}", value=value) for name, value in pairs if value]
