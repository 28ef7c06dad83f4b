# SPDX-License-Identifier: Apache-2.0
"""How the schema came to be what it is, one revision a file. Applied by `engine.migrate`."""
