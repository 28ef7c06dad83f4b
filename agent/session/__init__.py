# SPDX-License-Identifier: Apache-2.0
"""The watcher: one process in each interactive X11 session, which reads what is typed and lets matched sentences out.

Read `watcher` first: it is the path from a key to a finding. `process` runs it, `launch` is the service's side. What a
sentence means is told by `rules.keywords`; who may read it, and sealing it, are the service's.
"""
