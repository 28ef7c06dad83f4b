# SPDX-License-Identifier: Apache-2.0
"""Exceptions from rules: who asked for one, for what and until when, who decided it, and when it is reviewed.

`request` is what was asked, `typed` reads it, `scope` holds it against the policy, `deciders` says who may decide it,
`register` keeps it, `rows` tells it to others, `rule_file` puts the granted ones into the next bundle. They end by
themselves: the times are in the bundle, and `rules.exceptions` goes by them. Nothing here publishes a policy:
`policies` does, in one transaction with the decision. Not Python's exceptions; those are in `collector.errors`.
"""

from collector.exceptions.deciders import find_objection as find_objection
from collector.exceptions.register import ask as ask
from collector.exceptions.register import find_exception as find_exception
from collector.exceptions.register import grant as grant
from collector.exceptions.register import list_exceptions as list_exceptions
from collector.exceptions.register import refuse as refuse
from collector.exceptions.register import review as review
from collector.exceptions.register import withdraw as withdraw
from collector.exceptions.request import Asked as Asked
from collector.exceptions.request import Decision as Decision
from collector.exceptions.request import ExceptionRequest as ExceptionRequest
from collector.exceptions.request import RequestError as RequestError
from collector.exceptions.request import Scope as Scope
from collector.exceptions.request import Status as Status
from collector.exceptions.rows import flatten as flatten
from collector.exceptions.rows import to_csv as to_csv
from collector.exceptions.rows import to_row as to_row
from collector.exceptions.rule_file import RULE_FILE as RULE_FILE
from collector.exceptions.rule_file import write_rule_files as write_rule_files
from collector.exceptions.scope import list_rules as list_rules
from collector.exceptions.typed import read_asked as read_asked
from collector.exceptions.typed import read_stick as read_stick
