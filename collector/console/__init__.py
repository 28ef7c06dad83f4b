# SPDX-License-Identifier: Apache-2.0
"""The console: what people see of a school in a browser, and the decisions they take there.

Read `guard` first: every request passes it. `app` builds the application, `pages` has one module for each noun,
`templates` and `assets` say how it looks. It serves nothing by itself: `collector.app` does.
"""
