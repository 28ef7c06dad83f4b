# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what each check sees on each system, and the test that shows it. What a row is, and how the
table is shown, is in `proofs`.

Whoever teaches a check something new writes a row here.
"""

from agent.checks.proofs import UNSEEN, Cell, Proof, Row


def _real(test: str) -> Cell:
    return Cell(Proof.REAL, test)


def _fixture(test: str) -> Cell:
    return Cell(Proof.FIXTURE, test)


ROWS = (
    Row(
        "usb_storage", "LUKS1 and LUKS2, whole and in a partition", _real("rigs/test_usb.py::test_every_kind_of_stick")
    ),
    Row(
        "usb_storage",
        "FAT, exFAT, NTFS and ext4 without encryption",
        _real("rigs/test_usb.py::test_every_kind_of_stick"),
    ),
    Row(
        "usb_storage", "encrypted beside plain partitions: partly", _real("rigs/test_usb.py::test_every_kind_of_stick")
    ),
    Row(
        "usb_storage",
        "blank, and bytes without meaning: possibly encrypted",
        _real("rigs/test_usb.py::test_every_kind_of_stick"),
    ),
    Row("usb_storage", "VeraCrypt, locked: possibly encrypted", _real("rigs/test_usb.py::test_every_kind_of_stick")),
    Row(
        "usb_storage",
        "VeraCrypt, opened by the kernel",
        _real("rigs/test_usb.py::test_an_opened_veracrypt_volume_is_encrypted"),
    ),
    Row(
        "usb_storage",
        "BitLocker and BitLocker To Go (headers made by hand, on a real stick)",
        _fixture("rigs/test_usb.py::test_every_kind_of_stick"),
    ),
    Row("usb_storage", "APFS: always unknown", _fixture("rigs/test_usb.py::test_every_kind_of_stick")),
    Row(
        "usb_storage",
        "sticks that encrypt by themselves, locked and unlocked (a gadget with their ids and shape)",
        _fixture("rigs/test_usb.py::test_a_stick_that_encrypts_by_itself"),
    ),
    Row(
        "usb_storage",
        "an ordinary stick with the name of one",
        _real("rigs/test_usb.py::test_a_plain_stick_with_the_name_of_a_vault"),
    ),
    Row(
        "usb_storage",
        "disks that do not say they are removable (UAS)",
        _real("rigs/test_usb.py::test_disks_that_do_not_say_they_are_removable"),
    ),
    Row("usb_storage", "phones (MTP)", _real("rigs/test_usb.py::test_a_phone_has_no_disk")),
    Row(
        "usb_storage",
        "cameras (PTP)",
        _fixture("agent/system/linux/usb/test_watch.py::test_phones_are_told_by_their_interface"),
    ),
    Row("usb_storage", "card readers, and cards that come and go", _real("rigs/test_usb.py::test_cards_come_and_go")),
    Row(
        "usb_storage",
        "memory cards in readers that are not on USB",
        _fixture("agent/system/linux/usb/test_watch.py::test_a_card_in_a_reader_that_is_not_on_usb_is_told"),
    ),
    Row(
        "usb_storage",
        "unlocked and mounted volumes",
        _real("rigs/test_usb.py::test_an_unlocked_volume_stays_encrypted"),
    ),
    Row(
        "usb_storage",
        "written since attached; reading is not writing",
        _real("rigs/test_usb.py::test_reading_is_not_writing"),
    ),
    Row("usb_storage", "what was there before the agent", _real("rigs/test_usb.py::test_what_was_there_before")),
    Row(
        "usb_storage",
        "a forged encryption header on a plain stick",
        _real("rigs/test_usb.py::test_a_forged_header_hides_no_plain_partition"),
    ),
    Row(
        "usb_storage",
        "from the stick to the incident",
        _real("rigs/test_usb_incident.py::test_what_is_written_to_a_plain_stick_is_an_incident"),
    ),
    Row(
        "usb_storage",
        "the register of approved devices",
        _fixture(
            "agent/checks/usb_storage/test_check.py::test_approval_is_by_the_register_and_does_not_replace_encryption"
        ),
    ),
    Row("usb_storage", "encrypted files on a plain stick, encryption by the file system, what goes to a phone", UNSEEN),
    Row(
        "idle_lock",
        "X11: idle, and touched again",
        _real("rigs/idle/test_idle_lock.py::test_a_display_that_nobody_touches_is_found_and_so_is_the_touch"),
    ),
    Row(
        "idle_lock",
        "X11: a locker known by its window, without logind",
        _real("rigs/idle/test_idle_lock.py::test_a_locker_s_window_is_a_lock_without_logind"),
    ),
    Row(
        "idle_lock",
        "a desktop that locks in time, as the login manager tells (elogind)",
        _real("rigs/idle/test_idle_lock.py::test_a_desktop_that_locks_itself_in_time_is_never_found"),
    ),
    Row(
        "idle_lock",
        "a lock that was asked for and did not come (elogind)",
        _real("rigs/idle/test_idle_lock.py::test_a_lock_that_was_only_asked_for_is_none"),
    ),
    Row(
        "idle_lock",
        "a lock that was asked for and did not come (systemd's login manager)",
        _real("rigs/test_logind.py::test_a_lock_that_was_only_asked_for_is_none"),
    ),
    Row(
        "idle_lock",
        "Wayland, as far as logind is told",
        _fixture("rigs/idle/test_idle_lock.py::test_wayland_is_known_by_what_logind_was_told"),
    ),
    Row(
        "idle_lock",
        "text consoles, as systemd's login manager tells",
        _real("rigs/test_logind.py::test_a_console_that_nobody_touches_is_found_and_so_is_a_key"),
    ),
    Row(
        "idle_lock",
        "a machine that slept unlocked",
        _fixture(
            "agent/system/linux/screens/test_sleep.py::test_a_sleep_counts_when_the_machine_has_been_awake_for_a_moment"
        ),
    ),
    Row(
        "idle_lock",
        "what GNOME and its kin are set to (files of the real dconf)",
        _real("agent/system/linux/screens/test_lock_settings.py::test_a_user_can_switch_the_lock_off"),
    ),
    Row(
        "idle_lock",
        "what KDE and xscreensaver are set to",
        _fixture("agent/system/linux/screens/test_lock_settings.py::test_kde_by_its_own_file_and_the_machine_s"),
    ),
    Row(
        "idle_lock",
        "limits by group",
        _fixture("agent/checks/idle_lock/test_check.py::test_each_session_has_the_limit_of_its_groups"),
    ),
    Row(
        "software",
        "running, by name",
        _real("agent/checks/software/test_check.py::test_a_real_program_with_a_forbidden_name_is_found"),
    ),
    Row(
        "software",
        "running under 200 other names, by content",
        _real(
            "agent/checks/software/test_disguises.py::test_a_program_is_known_whatever_it_is_called_and_however_it_was_changed"
        ),
    ),
    Row(
        "software",
        "stripped, one byte changed, build id removed",
        _real(
            "agent/checks/software/test_disguises.py::test_a_program_is_known_whatever_it_is_called_and_however_it_was_changed"
        ),
    ),
    Row(
        "software",
        "in an AppImage, from another file system",
        _real("agent/checks/software/test_disguises.py::test_a_program_is_known_on_a_stick_and_in_an_appimage"),
    ),
    Row(
        "software",
        "over before anybody looks",
        _real(
            "agent/checks/software/test_check.py::test_a_real_program_that_ends_between_two_looks_is_found_or_said_to_be_missed"
        ),
    ),
    Row("software", "programs inside interpreters, through the loader, with all their texts rewritten", UNSEEN),
    Row(
        "software",
        "installed: dpkg",
        _real("agent/system/linux/test_machine.py::test_software_of_this_machine_is_read"),
    ),
    Row(
        "software",
        "installed: rpm (a database that rpm made)",
        _real("agent/system/linux/sources/test_rpm.py::test_packages_of_a_database_that_rpm_made_are_read"),
    ),
    Row(
        "software",
        "installed: flatpak",
        _fixture("agent/system/linux/sources/test_flatpak.py::test_flatpaks_of_the_system_and_of_users_are_found"),
    ),
    Row(
        "software",
        "installed: snap",
        _fixture("agent/system/linux/sources/test_snap.py::test_snaps_are_found_mounted_or_not"),
    ),
    Row(
        "software",
        "installed: AppImage",
        _fixture("agent/system/linux/sources/test_appimage.py::test_name_and_version_are_told_apart"),
    ),
    Row(
        "software",
        "installed: npm",
        _real("agent/system/linux/sources/test_node.py::test_what_npm_itself_installed_is_found"),
    ),
    Row(
        "software",
        "installed: pip and pipx",
        _fixture("agent/system/linux/sources/test_python.py::test_packages_are_found_in_each_library"),
    ),
    Row(
        "software",
        "extensions of Chromium and its kin",
        _fixture("agent/system/linux/sources/test_chromium.py::test_extensions_are_found_in_each_browser"),
    ),
    Row(
        "software",
        "extensions of Firefox",
        _fixture("agent/system/linux/sources/test_firefox.py::test_extensions_are_found_in_each_place"),
    ),
    Row(
        "software",
        "programs that lie in users' folders",
        _real("agent/system/linux/sources/test_portable.py::test_programs_are_found_wherever_they_lie"),
    ),
    Row(
        "software",
        "what was removed",
        _fixture("agent/checks/software/test_differences.py::test_a_program_that_is_gone_is_told_once"),
    ),
    Row(
        "software",
        "a stock Debian desktop raises nothing",
        _fixture("agent/checks/software/test_stock_desktop.py::test_a_stock_desktop_raises_nothing_on_the_whole_way"),
    ),
    Row(
        "keywords",
        "what is typed in X11 windows",
        _real(
            "scenarios/test_flag_from_keyboard.py::test_what_is_typed_in_four_layouts_is_read_in_the_browser_and_by_nobody_else"
        ),
    ),
    Row("keywords", "what is typed under Wayland, on a text console, over a remote connection, or pasted", UNSEEN),
    Row(
        "downloads",
        "programs and scripts that arrive",
        _real("agent/checks/downloads/test_check.py::test_a_real_download_is_told_and_a_pupils_own_program_is_not"),
    ),
    Row("downloads", "many at once", _real("agent/checks/downloads/test_check.py::test_a_real_burst_is_told_whole")),
    Row(
        "downloads",
        "programs in archives, macros in documents",
        _fixture("agent/parsing/parsers/test_archive.py::test_a_program_is_found_in_every_kind_of_archive"),
    ),
    Row(
        "downloads",
        "media, counted",
        _fixture("agent/system/linux/arrivals/test_media.py::test_media_are_counted_over_all_homes"),
    ),
    Row("downloads", "what is inside 7z, rar, zstd and disk images; network drives written by others", UNSEEN),
    Row(
        "posture",
        "disk encryption (LUKS, LVM, RAID, btrfs)",
        _fixture(
            "agent/system/linux/posture/test_disks.py::test_volumes_of_lvm_on_luks_are_encrypted_and_boot_may_be_plain"
        ),
    ),
    Row(
        "posture",
        "disk encryption: LUKS under /home, and a plain root beside it",
        _real("rigs/test_disk_encryption.py::test_an_encrypted_home_does_not_hide_a_plain_root"),
    ),
    Row(
        "posture",
        "disk encryption: linear volumes over an encrypted and a plain disk",
        _real("rigs/test_disk_encryption.py::test_a_volume_on_an_encrypted_and_a_plain_disk_is_plain"),
    ),
    Row(
        "posture",
        "ClamAV and five others, and how old their signatures are",
        _fixture(
            "agent/system/linux/posture/test_antivirus.py::test_clamav_is_known_by_its_daemon_and_the_age_of_its_database"
        ),
    ),
    Row(
        "posture",
        "firewall: nf_tables as recorded from the kernel",
        _fixture("agent/system/linux/posture/test_firewall.py::test_recorded_rules_are_understood"),
    ),
    Row(
        "posture",
        "security updates of Debian and Ubuntu",
        _fixture("agent/system/linux/posture/test_updates.py::test_what_is_installed_and_offered_newer_waits"),
    ),
    Row(
        "posture",
        "how long the system is supported",
        _fixture("agent/system/linux/posture/test_support.py::test_a_release_is_known_by_its_id_and_version"),
    ),
    Row(
        "posture",
        "local accounts and administrators",
        _real(
            "agent/system/linux/posture/test_reader.py::test_the_accounts_of_this_machine_are_those_that_the_system_knows"
        ),
    ),
    Row(
        "posture",
        "passwords, guests and sudo",
        _fixture("agent/system/linux/posture/test_accounts.py::test_sudoers_make_administrators"),
    ),
    Row(
        "posture",
        "on after the evening",
        _fixture("agent/checks/posture/test_items.py::test_the_night_is_by_the_clock_on_the_wall"),
    ),
    Row("posture", "updates of rpm and flatpak, self-encrypting drives, administrators by polkit", UNSEEN),
    Row(
        "accounts",
        "sessions at a screen, by reference",
        _fixture("agent/checks/accounts/test_check.py::test_a_session_is_told_when_it_begins_and_when_it_ends"),
    ),
    Row(
        "accounts",
        "one account on several devices",
        _fixture("collector/store/test_contract_machines.py::test_account_on_several_devices"),
    ),
    Row("accounts", "who sits there; text consoles and remote shells", UNSEEN),
    Row(
        "traffic",
        "TCP by program",
        _real("agent/system/linux/test_traffic.py::test_what_a_program_sends_is_counted_under_its_name"),
    ),
    Row(
        "traffic",
        "the total of the network cards",
        _fixture("agent/system/linux/test_traffic.py::test_the_total_is_that_of_the_cards"),
    ),
    Row("traffic", "UDP and short connections by program; with whom, and what", UNSEEN),
    Row(
        "hardware",
        "maker, firmware, processor, memory, disks",
        _real("agent/system/linux/test_hardware.py::test_this_machine_is_read"),
    ),
)
"""The table."""
