// SPDX-License-Identifier: Apache-2.0
// Whose an account is. The whole list is asked for once and searched here, so that the collector does not learn which
// account a flag is about.

import { ask } from "./server.js";

let asked = null;

export function findKnown() {
  asked ??= ask("/flags/people").then(
    (answer) => new Map(answer.accounts.map((each) => [each.account, each])),
    (error) => { asked = null; throw error; },
  );
  return asked;
}

// How to call whoever an account belongs to. A flag is read all the same when nobody can say.
export function describe(known, account) {
  if (!known) return "The school’s list of people does not answer at the moment";
  const person = known.get(account);
  if (!person) return "Not in the school’s list of people";
  return [person.name, person.class].filter(Boolean).join(", ");
}
