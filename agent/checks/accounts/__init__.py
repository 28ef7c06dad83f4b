# SPDX-License-Identifier: Apache-2.0
"""The check `accounts`: when sessions begin and end, by reference, if the policy asks. `presence` says who is there,
`check` tells."""
