# SPDX-License-Identifier: Apache-2.0
"""Tests of where keys live. Those marked `tpm` speak to a TPM in software, which `software_tpm` starts."""
