"""Number formats: their codes, what these stand for, and quantization to them.

``names()`` lists them. What they are is in the module of each family: ``integer``,
``power_of_two``, ``flint``, ``small_float``, ``posit``, ``adaptivfloat``, ``dybit`` and ``olive``,
or in a plug-in.
"""

from .cast import cast
from .catalogue import FAMILIES, Family, families, get, get_integer, names
from .checks import as_numpy, check_integer, check_integers, check_positive, check_values
from .codes import decode, operands
from .format import Format
from .quantizer import encode, errors, mse, quantize, quantize_pairs
from .selection import Quantized, best, each, select
from .small_float import UNSCALED

__all__ = [
    "FAMILIES",
    "UNSCALED",
    "Family",
    "Format",
    "Quantized",
    "as_numpy",
    "best",
    "cast",
    "check_integer",
    "check_integers",
    "check_positive",
    "check_values",
    "decode",
    "each",
    "encode",
    "errors",
    "families",
    "get",
    "get_integer",
    "mse",
    "names",
    "operands",
    "quantize",
    "quantize_pairs",
    "select",
]
