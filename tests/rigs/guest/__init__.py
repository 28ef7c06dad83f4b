# SPDX-License-Identifier: Apache-2.0
"""What the rigs' guest is made of: its root file system, its kernel, and the moment from which it is started."""
