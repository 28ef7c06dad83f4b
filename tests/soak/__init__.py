# SPDX-License-Identifier: Apache-2.0
"""Long ones: `python -m tests.soak kills --times 200`. They print a table and end with 1 if anything was lost."""
