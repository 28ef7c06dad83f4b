# SPDX-License-Identifier: Apache-2.0
"""Storage on USB on Linux: `watch` puts together what the kernel, udev and the mounts say; `protection` judges it."""
