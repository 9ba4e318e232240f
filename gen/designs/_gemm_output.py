"""What ``brickwork run`` does to the sums of a product: the output values, checked."""

import numpy as np

from ...hdl.checks import check_integer
from ...sim.designs._gemm import Channels
from ...sim.golden import formats
from ...sim.golden.arith.requantize import scale_to_multiplier, scale_to_shift
from ..lib.errors import Refused
from ..lib.files import read_array
from ._gemm_matrices import Matrices, matrices

__all__ = ["LIMITS", "check_output", "choose_output", "modes", "output_values", "product"]

#: Limits of requantized results, which every design takes while it runs.
LIMITS = ("clamp_min", "clamp_max", "relu")


def choose_output(options) -> list[str]:
    """The settings, with the output mode that the operands call for unless it is set."""
    if any(setting.startswith("output=") for setting in options.settings):
        return options.settings
    added = options.bias is not None or options.a_zero_point is not None
    output = "scale" if options.scale is not None else "bias" if added else "raw"
    return [*options.settings, f"output={output}"]


def product(options, parameters, acc_width) -> tuple[Matrices, dict, Channels | None]:
    """The matrices of the options, the modes in which they are multiplied, the output values.

    Raises
    ------
    OSError, TypeError, ValueError
        If a file cannot be read, or something does not fit the design or the rest.
    """
    check_output(options, parameters)
    given = modes(options, parameters)
    chosen = parameters.modes({n: v for n, v in given.items() if n in parameters.MODES})
    found = matrices(options, parameters, chosen)
    if "a_type" in chosen:
        chosen = {"a_type": found.a.type, "w_type": found.w.type}
    return found, chosen, output_values(options, parameters, found, acc_width)


def check_output(options, parameters) -> None:
    """Checks that the output mode can do what is asked for."""
    output = parameters.output
    requantized = output in ("scale", "shift")
    if requantized and options.scale is None:
        raise Refused(f"Output {output} needs a scale: --scale S.npy")
    if options.scale is not None and not requantized:
        raise Refused(f"Output must be scale or shift with --scale, not {output!r}")
    for given, flag in ((options.bias, "--bias"), (options.a_zero_point, "--a-zero-point")):
        if given is not None and output == "raw":
            raise Refused(f"Output must be bias, scale or shift with {flag}, not {output!r}")
    limits = next((f"--mode {name}" for name in modes(options, parameters) if name in LIMITS), None)
    for given, flag in ((options.zero_point, "--zero-point"), (limits, limits)):
        if given is not None and not requantized:
            raise Refused(f"Output must be scale or shift with {flag}, not {output!r}")


def modes(options, parameters) -> dict[str, int | str]:
    """What ``--mode`` sets, by name: integers, and names of types.

    Raises
    ------
    Refused
        If the design has no such mode, or the value is not of its kind.
    """
    found = {}
    names = (*LIMITS, *parameters.MODES)
    for setting in options.mode:
        name, equals, text = setting.partition("=")
        if not equals:
            raise Refused(f"Mode must be NAME=VALUE, not {setting!r}")
        if name not in names:
            raise Refused(f"Mode must be one of {', '.join(names)}, not {name!r}")
        if name in found:
            raise Refused(f"Mode {name} must be set once, not twice")
        try:
            found[name] = text if name.endswith("_type") else int(text, 0)
        except ValueError:
            raise Refused(f"Mode {name} must be an integer, not {text!r}") from None
    return found


def output_values(options, parameters, found: Matrices, acc_width: int) -> Channels | None:
    """What is added to the sums of each column, and what they are scaled with.

    Raises
    ------
    OSError, TypeError, ValueError
        If a file cannot be read, or a value is not of its kind or out of range.
    """
    if parameters.output == "raw":
        return None
    if found.a.numbers is not None or found.w.numbers is not None:
        raise Refused(
            f"Output must be raw for operands that are quantized here, not {parameters.output!r}"
        )
    n = found.w.codes.shape[1]
    same = np.ones(n, np.int64)
    bias = _bias(options, parameters, found, acc_width)
    if parameters.output == "bias":
        if acc_width > 63:
            raise Refused("Accumulator width must be at most 63 for results with bias, not 64")
        return Channels(
            bias=bias, multiplier=same, shift=same, zero_point=same, low=same, high=same
        )
    scale = np.broadcast_to(_scale(options.scale, n), n)
    if parameters.output == "scale":
        multiplier, shift = scale_to_multiplier(scale)
    else:
        multiplier, shift = same, scale_to_shift(scale)
    fmt = formats.get_integer(parameters.out_format)
    zero_point = options.zero_point or 0
    _check_code("Zero point", zero_point, fmt)
    low, high = _limits(modes(options, parameters), zero_point, fmt)
    return Channels(
        bias=bias,
        multiplier=multiplier,
        shift=shift,
        zero_point=same * zero_point,
        low=same * low,
        high=same * high,
    )


def _per_column(values, thing, n, single):
    if values.shape == (n,) or (single and values.size == 1):
        return values.reshape(-1)
    wanted = f"one value or {n}" if single else f"{n} value{'s' if n > 1 else ''}"
    raise ValueError(
        f"{thing} must be {wanted}, one for each column of W, not the shape {values.shape}"
    )


def _bias(options, parameters, found, acc_width):
    """The bias, less what the zero point of A adds to the sums."""
    n = found.w.codes.shape[1]
    bias = np.zeros(n, object)
    if options.bias is not None:
        values = formats.check_integers(read_array(options.bias, "Bias"), "Bias")
        bias += _per_column(values, "Bias", n, False).astype(object)
    zero_point, folded = options.a_zero_point or 0, ""
    if zero_point:
        fmt = formats.get(found.a.type)
        if fmt.lowest_code != fmt.lowest:
            raise Refused(f"Activation zero point must go with integers, not with {fmt.name}")
        _check_code("Activation zero point", zero_point, fmt)
        operands = formats.operands(found.w.codes, found.w.type, axis=0)
        bias -= zero_point * operands.sum(axis=0, dtype=object)
        folded = ", the zero point of A folded in"
    lowest, highest = -(1 << (acc_width - 1)), (1 << (acc_width - 1)) - 1
    for index, value in enumerate(bias):
        if not lowest <= value <= highest:
            width = 1 + int(value if value >= 0 else -value - 1).bit_length()
            widest = 63 if parameters.output == "bias" else 64
            remedy = f"; use --set acc_width={width}" if width <= widest else ""
            raise ValueError(
                f"Bias must fit the accumulator's {acc_width} bits, not be {value} at index "
                f"{index}{folded}{remedy}"
            )
    return bias.astype(np.int64)


def _scale(path, n):
    values = read_array(path, "Scale")
    if values.dtype.kind not in "fiu":
        raise TypeError(f"Scale must be numbers, not {values.dtype}")
    return _per_column(values, "Scale", n, True)


def _check_code(thing, value, fmt):
    try:
        check_integer(thing, value, fmt.lowest, fmt.highest)
    except ValueError as error:
        raise ValueError(f"{error} ({fmt.name})") from None


def _limits(modes, zero_point, fmt):
    low, high = modes.get("clamp_min", fmt.lowest), modes.get("clamp_max", fmt.highest)
    _check_code("Mode clamp_min", low, fmt)
    _check_code("Mode clamp_max", high, fmt)
    relu = modes.get("relu", 0)
    check_integer("Mode relu", relu, 0, 1)
    if relu:
        low = max(low, zero_point)
    if low > high:
        because = " (relu: the zero point)" if low != modes.get("clamp_min") else ""
        raise Refused(f"Mode clamp_max must be at least the lower limit {low}{because}, not {high}")
    return low, high
