"""Number formats: their codes, what these stand for, and quantization to them.

``names()`` lists them. What they are is in the module of each family: ``integer``,
``power_of_two``, ``flint``, ``small_float``, ``posit``, ``adaptivfloat``, ``dybit`` and ``olive``,
or in a plug-in. ``block_scaled`` has matrices of these codes with a scale for each block,
``scale_codes`` the formats of such scales, and ``block_quantizer`` MX, NVFP4 and W4A16.
"""

from .block_quantizer import BLOCK_SPECS, BlockSpec, block_errors, is_block_spec, quantize_blocks
from .block_scaled import BlockScaled
from .cast import cast
from .catalogue import FAMILIES, Family, families, get, get_integer, names
from .checks import as_numpy, check_integer, check_integers, check_positive, check_values
from .codes import decode, operands
from .format import Format
from .quantizer import encode, errors, mse, quantize, quantize_pairs
from .scale_codes import SCALE_FORMATS, decode_scales, encode_scales
from .selection import Quantized, best, each, select
from .small_float import UNSCALED

__all__ = [
    "BLOCK_SPECS",
    "FAMILIES",
    "SCALE_FORMATS",
    "UNSCALED",
    "BlockScaled",
    "BlockSpec",
    "Family",
    "Format",
    "Quantized",
    "as_numpy",
    "best",
    "block_errors",
    "cast",
    "check_integer",
    "check_integers",
    "check_positive",
    "check_values",
    "decode",
    "decode_scales",
    "each",
    "encode",
    "encode_scales",
    "errors",
    "families",
    "get",
    "get_integer",
    "is_block_spec",
    "mse",
    "names",
    "operands",
    "quantize",
    "quantize_blocks",
    "quantize_pairs",
    "select",
]
