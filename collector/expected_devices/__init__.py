# SPDX-License-Identifier: Apache-2.0
"""The school's own list of its machines, and which devices were found on it.

`sheet` reads a list, `intake` takes it, `listing` is asked, `fits` compares a machine with the list's free rows, and
`matching` links a device to its row. Deciding about a device that the list does not settle is for a person:
see `collector.confirmation`.
"""

from collector.expected_devices.fits import Fit as Fit
from collector.expected_devices.fits import FreeRows as FreeRows
from collector.expected_devices.intake import ImportReport as ImportReport
from collector.expected_devices.intake import import_expected_devices as import_expected_devices
from collector.expected_devices.listing import ExpectedDevice as ExpectedDevice
from collector.expected_devices.listing import find_expected as find_expected
from collector.expected_devices.listing import list_expected as list_expected
from collector.expected_devices.listing import page_expected as page_expected
from collector.expected_devices.matching import BY_LIST as BY_LIST
from collector.expected_devices.matching import SETTLED_SUCCESSIONS as SETTLED_SUCCESSIONS
from collector.expected_devices.matching import link as link
from collector.expected_devices.matching import load_free_rows as load_free_rows
from collector.expected_devices.matching import match_all as match_all
from collector.expected_devices.matching import match_device as match_device
from collector.expected_devices.matching import move as move
from collector.expected_devices.sheet import MAX_BYTES as MAX_BYTES
from collector.expected_devices.sheet import Refusal as Refusal
from collector.expected_devices.sheet import read_sheet as read_sheet
