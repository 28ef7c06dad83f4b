# SPDX-License-Identifier: Apache-2.0
"""The check `usb_storage`: nothing is written to storage on USB that is not protected as the policy asks."""
