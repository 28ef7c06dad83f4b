# SPDX-License-Identifier: Apache-2.0
"""`python -m collector` is `schoolwarden-collector`."""

import sys

from collector.cli import main

if __name__ == "__main__":
    sys.exit(main())
