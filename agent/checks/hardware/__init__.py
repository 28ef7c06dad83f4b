# SPDX-License-Identifier: Apache-2.0
"""The check `hardware`: `check` tells what the machine is made of, if the policy asks."""
