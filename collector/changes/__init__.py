# SPDX-License-Identifier: Apache-2.0
"""Changes of the policy: who asked for which, why, what it changes, and whose second word it had.

`amendments` is what can be changed, `agreement` how a change comes into force (read this first), `register` keeps them
all. The allow list and the registers of USB devices, exceptions and groups have their own ways and pages.
"""

from collector.changes.agreement import School as School
from collector.changes.agreement import agree as agree
from collector.changes.agreement import end_pause as end_pause
from collector.changes.agreement import find_last_good as find_last_good
from collector.changes.agreement import go_back as go_back
from collector.changes.agreement import refuse as refuse
from collector.changes.agreement import request_change as request_change
from collector.changes.agreement import withdraw as withdraw
from collector.changes.amendments import Amendment as Amendment
from collector.changes.amendments import FileAdded as FileAdded
from collector.changes.amendments import FileRemoved as FileRemoved
from collector.changes.amendments import PackChosen as PackChosen
from collector.changes.amendments import PauseBegun as PauseBegun
from collector.changes.amendments import WentBack as WentBack
from collector.changes.register import Change as Change
from collector.changes.register import ChangeState as ChangeState
from collector.changes.register import find_change as find_change
from collector.changes.register import find_objection as find_objection
from collector.changes.register import list_changes as list_changes
from collector.changes.register import list_waiting as list_waiting
