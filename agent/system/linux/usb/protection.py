# SPDX-License-Identifier: Apache-2.0
"""From what was read of a device to how it is protected and what that rests on. Pure functions; nothing is read here.

    volume      encrypted            LUKS, BitLocker, FileVault by their signature; or the kernel decrypts it right now
                plain                a file system that has no encryption of its own
                blank                only zeros (or ones) where a file system would begin
                possibly_encrypted   nothing but random bytes: VeraCrypt looks so, and so does a disk that was wiped
                unknown              all else, with the reason
    device      hardware_encrypted   its ids are in the table and it was seen locked: a CD-ROM and a disk without medium
                possibly_encrypted   only one of these two
                else what its volumes say together: the worst that is certain, then the worst that is not

Not seen: encryption of single files or folders (fscrypt, a VeraCrypt file on a plain stick), a key that lies open
beside the volume (BitLocker suspended), a LUKS header that names the null cipher. An APFS container says only deep
inside whether it is encrypted, so it is unknown.
"""

from typing import NamedTuple

from agent.system.linux.usb.facts import Content, Role, Unit, UsbFacts, Volume
from agent.system.linux.usb.known import find_encrypting

# Groups of libblkid that say crypto, by what we call them.
_CRYPTO = {"BitLocker": "bitlocker", "cs_fvault2": "filevault"}
_OPENED = {
    "LUKS1": "luks1",
    "LUKS2": "luks2",
    "BITLK": "bitlocker",
    "TCRYPT": "veracrypt",
    "FVAULT2": "filevault",
    "PLAIN": "dm-crypt",
    "LOOPAES": "dm-crypt",
}
# They can encrypt, and do not say so where we look.
_CANNOT_BE_TOLD = ("apfs", "bcachefs", "zfs_member")


class Judgement(NamedTuple):
    """How something is protected."""

    protection: str
    by: str
    is_unlocked: bool = False


def judge_device(facts: UsbFacts) -> Judgement:
    """Return how a device is protected, in the words of `proto.events.UsbDevice`."""
    disks = [unit for unit in facts.units if not unit.is_optical]
    if facts.is_phone and not disks:
        return Judgement("not_applicable", "a phone or camera shows its files by itself")
    if not disks:
        if facts.units:
            return Judgement("not_applicable", "an optical drive")
        return Judgement("unknown", "no disk has appeared")
    inside = judge_disks(disks)
    if inside.protection == "encrypted":
        return inside
    known = find_encrypting(facts.vendor_id, facts.product_id)
    has_medium = any(unit.size_bytes for unit in disks)
    if known:
        by = f"{known.name}: {known.source}"
        return Judgement("hardware_encrypted" if facts.was_locked else "possibly_encrypted", by, has_medium)
    if facts.was_locked and has_medium:
        return Judgement("possibly_encrypted", "it was locked: a CD-ROM and a disk without a medium", is_unlocked=True)
    return inside


def judge_disks(disks: list[Unit]) -> Judgement:
    """Return how all volumes of all disks are protected together."""
    with_medium = [unit for unit in disks if unit.size_bytes]
    if not with_medium:
        return Judgement("no_medium", "")
    volumes = [volume for unit in with_medium for volume in unit.volumes]
    judged = [judge_volume(each) for each in volumes if _counts(each, volumes)]
    if not judged:
        return Judgement("blank", "no volumes")
    found: dict[str, list[str]] = {}
    for each in judged:
        found.setdefault(each.protection, []).append(each.by)
    is_unlocked = any(each.is_unlocked for each in judged)
    return Judgement(*_combine(found), is_unlocked)


def judge_volume(volume: Volume) -> Judgement:
    """Return how one volume is protected. The signature of a file system counts before any partition table."""
    if volume.opened_as:
        return Judgement("encrypted", _OPENED.get(volume.opened_as, "dm-crypt"), is_unlocked=True)
    name = volume.file_system
    if name == "crypto_LUKS":
        return Judgement("encrypted", f"luks{volume.version}")
    if name in _CRYPTO:
        return Judgement("encrypted", _CRYPTO[name])
    if volume.is_ambiguous:
        return Judgement("unknown", "it carries signatures of several file systems")
    if name in _CANNOT_BE_TOLD:
        return Judgement("unknown", f"{name}: cannot be told")
    if name:
        return Judgement("plain" if volume.usage == "filesystem" else "unknown", name)
    if volume.content is Content.BLANK:
        return Judgement("blank", "")
    if volume.content is Content.RANDOM:
        if volume.was_opened:
            return Judgement("encrypted", "veracrypt")
        return Judgement("possibly_encrypted", "random content: veracrypt, or wiped")
    return Judgement("unknown", volume.content.value)


def sum_written(facts: UsbFacts) -> int:
    """Return the bytes written to a device: to all of it, or, if only a part is encrypted, to all but that part."""
    total = sum(unit.written_bytes for unit in facts.units)
    if judge_device(facts).protection != "partly":
        return total
    volumes = (volume for unit in facts.units for volume in unit.volumes)
    return total - sum(each.written_bytes for each in volumes if judge_volume(each).protection == "encrypted")


def name_form(facts: UsbFacts) -> str:
    """Return what kind of thing a device is, in the words of `proto.events.UsbDevice`."""
    disks = [unit for unit in facts.units if not unit.is_optical]
    if not disks:
        if facts.is_phone:
            return "phone"
        return "optical" if facts.units else "other"
    has_empty_slot = any(unit.is_removable and not unit.size_bytes for unit in disks)
    is_reader = any(unit.is_card for unit in disks) or (len(disks) > 1 and has_empty_slot)
    return "card_reader" if is_reader else "disk"


def _counts(volume: Volume, all_volumes: list[Volume]) -> bool:
    """Tell whether a partition says something about where a person's files are.

    The ones that a system makes beside its volumes do not, however large: Windows leaves Microsoft's reserved partition
    beside BitLocker, a Mac 200 MB for firmware beside everything. A desktop shows neither. But the one for firmware
    holds an ordinary file system, so it counts as soon as it is mounted or was written to, or if it is all there is.
    """
    if volume.role in (Role.EXTENDED, Role.RESERVED):
        return False
    if volume.role is Role.EFI and not volume.is_mounted and not volume.written_bytes:
        return all(each.role is not Role.DATA for each in all_volumes)
    return True


def _combine(found: dict[str, list[str]]) -> tuple[str, str]:
    """Return what volumes of these kinds are together, and why."""

    def tell(protection: str) -> tuple[str, str]:
        return protection, ", ".join(dict.fromkeys(found[protection]))

    if "plain" in found:
        return ("partly", tell("encrypted")[1]) if "encrypted" in found else tell("plain")
    for protection in ("unknown", "possibly_encrypted", "encrypted"):
        if protection in found:
            return tell(protection)
    return tell("blank")
