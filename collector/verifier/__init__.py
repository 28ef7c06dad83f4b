# SPDX-License-Identifier: Apache-2.0
"""The verifier of evidence files: one file that runs alone, with nothing of ours beside it."""
