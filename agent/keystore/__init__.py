# SPDX-License-Identifier: Apache-2.0
"""Where this machine's two private keys live: in protected files, or in its TPM. `interface` is the seam.

Which key is for what, and who this machine is, is the business of `agent.identity`.
"""
