# SPDX-License-Identifier: Apache-2.0
"""How a device becomes one of ours, proves itself again, and is one no more.

Read `admission` first: a token and two proofs make a device. `renewal` gives it its next certificate, `succession`
admits a machine that goes on for another, `revocation` ends one. `service` answers for them on the enrolment listener,
`credentials` are what both listeners show, `rotation` changes the CA behind all of it.

Whoever asks is a stranger: what costs nothing is checked first, then what the database knows, by reading only, then
signatures. Nobody who fails one of these ever waits for, or holds, the database's one writer.
"""

from collector.enrolment.admission import Admitted as Admitted
from collector.enrolment.admission import enrol as enrol
from collector.enrolment.renewal import renew as renew
from collector.enrolment.revocation import revoke_device as revoke_device
from collector.enrolment.succession import rekey as rekey
from collector.enrolment.tokens import list_tokens as list_tokens
from collector.enrolment.tokens import make_token as make_token
from collector.enrolment.tokens import withdraw_token as withdraw_token
