# SPDX-License-Identifier: Apache-2.0
"""The keyword engine: finds what should worry an adult in what was typed. Pure but for loading the lexicons.

`match` is the way in. A text goes through `normalise`, and `match` looks its words up in the phrases of the `lexicon`;
`sentence` cuts out what a reader gets, `named` tells which role-holders it names, and `drill` is the phrase that proves
that all this works. Nothing here sees a keyboard, keeps what was typed, or decides who may read it: the agent's
session does the first two, `rules.route` the third.
"""
