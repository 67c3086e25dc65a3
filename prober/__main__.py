"""`python -m prober` is `prober`."""

from __future__ import annotations

import sys

from prober.cli import main

if __name__ == "__main__":
    sys.exit(main())
