"""Number formats: their codes, what these stand for, and quantization to them.

``names()`` lists them all. What they are is in the module of each family: ``integer``,
``power_of_two``, ``flint``, ``small_float``, ``posit``, ``adaptivfloat`` and ``olive``.
"""

from .catalogue import FAMILIES, get, get_integer, names
from .checks import check_integer, check_integers, check_positive, check_values
from .codes import decode, operands
from .format import Format
from .quantizer import encode, mse, quantize, quantize_pairs
from .selection import Quantized, each, select

__all__ = [
    "FAMILIES",
    "Format",
    "Quantized",
    "check_integer",
    "check_integers",
    "check_positive",
    "check_values",
    "decode",
    "each",
    "encode",
    "get",
    "get_integer",
    "mse",
    "names",
    "operands",
    "quantize",
    "quantize_pairs",
    "select",
]
