"""``python -m brickwork.gen`` is the same as ``brickwork``."""

import sys

from .cli import main

sys.exit(main())
