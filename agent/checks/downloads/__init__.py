# SPDX-License-Identifier: Apache-2.0
"""The check `downloads`: `check` tells of files that came and can be run, and of how much media there is."""
