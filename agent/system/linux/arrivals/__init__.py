# SPDX-License-Identifier: Apache-2.0
"""Files that come to users' folders on Linux: `watch` tells of them, `media` counts."""
