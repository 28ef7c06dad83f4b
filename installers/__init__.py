# SPDX-License-Identifier: Apache-2.0
"""How the product gets onto a machine: this checkout's environment, the console's assets, and a local run of the two.

Nothing here is imported by agent or collector.
"""
