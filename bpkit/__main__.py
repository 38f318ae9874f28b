"""``python -m bpkit``: the commands of ``bpkit.cli``."""

import sys

from .cli import main

sys.exit(main())
