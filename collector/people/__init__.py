# SPDX-License-Identifier: Apache-2.0
"""The school's register of people: whose which account is. Not the users of the console; those are in `users`.

An account is compared as a whole: a local account of a machine is never taken for a person of the directory with the
same name. What is in no row is unmapped. `roster` reads a list, `claims` settles who has what, `intake` takes it,
`register` is asked, `second_person` tells two users of the console from one.
"""

from collector.people.intake import ImportReport as ImportReport
from collector.people.intake import import_people as import_people
from collector.people.person import Person as Person
from collector.people.person import PersonKind as PersonKind
from collector.people.person import Post as Post
from collector.people.register import count_people as count_people
from collector.people.register import find_person as find_person
from collector.people.register import find_person_by_id as find_person_by_id
from collector.people.register import list_accounts_ever as list_accounts_ever
from collector.people.register import list_accounts_of_user as list_accounts_of_user
from collector.people.register import list_directory as list_directory
from collector.people.register import list_people as list_people
from collector.people.register import list_years as list_years
from collector.people.roster import MAX_BYTES as MAX_BYTES
from collector.people.roster import Refusal as Refusal
