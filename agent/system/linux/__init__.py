# SPDX-License-Identifier: Apache-2.0
"""Linux: `machine` answers every question of `agent.system.interface`, with one module for each thing asked about."""
