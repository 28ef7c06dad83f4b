# SPDX-License-Identifier: Apache-2.0
"""Where software is found on Linux: one module for each source, read from files only.

`interface` is the contract, `survey` is what every source gets for one look at the machine, `folders` remembers what
was in a folder, `parsed` what was in a file. `agent.system.linux.installed` puts the sources together.
"""
