"""The plug-ins that the READMEs list, for tests."""

import re
from pathlib import Path

__all__ = ["LOG4", "TRUNCATED"]

ROOT = Path(__file__).resolve().parents[2]


def _listing(document, name):
    """The block of a README that is the content of a file."""
    text = (ROOT / document).read_text("utf-8")
    return re.search(rf"<!-- file: {re.escape(name)} -->\n```python\n(.*?)```", text, re.DOTALL)[1]


#: The design ``gemm_truncated``, of PEs that drop the low bits of every product.
TRUNCATED = _listing("gen/designs/README.md", "truncated.py")
#: The number format ``log4``.
LOG4 = _listing("hdl/formats/README.md", "log4.py")
