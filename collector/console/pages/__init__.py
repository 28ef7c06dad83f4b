# SPDX-License-Identifier: Apache-2.0
"""The pages, one module for each noun. Each ends with its routes, which say who may come in."""
