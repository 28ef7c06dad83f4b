# SPDX-License-Identifier: Apache-2.0
"""What goes into the guest: packages, modules of the kernel and settings. How it goes in is `image` and `kernel`."""

PACKAGES = (
    "systemd systemd-sysv udev dbus libpam-systemd python3-minimal libpython3-stdlib util-linux kmod mount "
    "cryptsetup-bin dmsetup dosfstools iproute2 usbutils"
).split()

EARLY_MODULES = ("virtio_pci", "virtio_blk", "ext4")
"""Those without which the root is not found."""

MODULES = (
    *EARLY_MODULES,
    *"virtio_console virtio_net virtio_rng 9p 9pnet_virtio".split(),
    *"xhci_pci xhci_hcd usb_storage uas sd_mod sr_mod sg usbhid hid_generic".split(),
    *"dummy_hcd libcomposite usb_f_mass_storage".split(),
    *"dm_mod dm_crypt xts aesni_intel sha512_generic algif_skcipher af_alg loop".split(),
    *"vfat exfat nls_ascii nls_utf8 nls_iso8859_1 nls_cp437 isofs udf fuse uinput evdev".split(),
)

LOADED = (
    "virtio_net 9p 9pnet_virtio dm_crypt xts algif_skcipher vfat nls_ascii nls_utf8 nls_iso8859_1 nls_cp437 "
    "dummy_hcd libcomposite usb_f_mass_storage usb_storage uas sd_mod sr_mod loop"
).split()
"""Loaded before the snapshot, so that no test waits for it."""

ACCOUNTS = ("alice", "bertie")

CHANNEL = "rig"
"""Names the port that the control program listens to, and the tag under which the checkout is shared."""
CHECKOUT = "/checkout"
"""Where the guest has the checkout, read only, with the environment of whoever runs the tests in it."""

CONTROL_SERVICE = f"""[Unit]
Description=Control channel of the rig
DefaultDependencies=no
After=systemd-udevd.service dbus.socket
Wants=dbus.socket
[Service]
ExecStartPre=/sbin/modprobe -a virtio_console 9p 9pnet_virtio
ExecStartPre=/bin/mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro {CHANNEL} {CHECKOUT}
ExecStart=/usr/bin/python3 -SEB {CHECKOUT}/tests/rigs/inside.py {CHANNEL}
WorkingDirectory=/
KillMode=process
[Install]
WantedBy=multi-user.target
"""

AUTOLOGIN = f"""[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin {ACCOUNTS[0]} --noclear %I linux
"""

FILES = {
    "etc/systemd/system/rig.service": CONTROL_SERVICE,
    "etc/systemd/system/getty@tty1.service.d/autologin.conf": AUTOLOGIN,
    "etc/systemd/journald.conf.d/volatile.conf": "[Journal]\nStorage=volatile\n",
    "etc/modules-load.d/usb.conf": "xhci_pci\nusb_storage\nuas\nsd_mod\n",
    "etc/hostname": "rig\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
}

MASKED_UNITS = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service "
    "systemd-timesyncd.service serial-getty@.service systemd-networkd.service systemd-random-seed.service "
    "systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-journal-flush.service "
    "systemd-machine-id-commit.service systemd-boot-system-token.service systemd-pstore.service modprobe@drm.service"
).split()
"""What takes time at the start and shows no test anything."""

INIT = """#!/bin/sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
for module in /modules/*; do /bin/busybox insmod $module; done
turns=0
while [ ! -b /dev/vda ] && [ $turns -lt 200 ]; do /bin/busybox usleep 20000; turns=$((turns+1)); done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /mnt
/bin/busybox umount /proc
/bin/busybox mount -o move /dev /mnt/dev
exec /bin/busybox switch_root /mnt /lib/systemd/systemd
"""
"""The first program: finds the root and hands over to systemd."""
