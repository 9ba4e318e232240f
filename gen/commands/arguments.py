"""Arguments that several commands share; imports nothing that takes time."""

import argparse

from ..lib.errors import UsageError

__all__ = [
    "add_design",
    "add_designs",
    "add_json",
    "add_out",
    "add_product",
    "add_simulation",
    "add_wrapper",
    "integer",
    "integers",
    "number",
    "read_operands",
]


def integer(name, lowest=None, highest=None):
    """A converter of text to an integer, for argparse; messages begin with ``name``."""
    expected = "an integer" if lowest is None else f"an integer of at least {lowest}"
    if highest is not None:
        expected = f"an integer from {lowest} to {highest}"

    def read(text):
        try:
            value = int(text, 0)
        except ValueError:
            value = None
        below = value is None or (lowest is not None and value < lowest)
        if below or (highest is not None and value > highest):
            raise UsageError(f"{name} must be {expected}, not {text!r}")
        return value

    return read


def integers(name, lowest, highest):
    """A converter of text to a list of integers, which commas separate."""
    read = integer(name, lowest, highest)
    return lambda text: [read(item) for item in text.split(",")]


def number(name, lowest, highest):
    """A converter of text to a number within limits, which ``nan`` is not."""

    def read(text):
        try:
            value = float(text)
        except ValueError:
            value = None
        if value is None or not lowest <= value <= highest:
            raise UsageError(f"{name} must be a number from {lowest} to {highest}, not {text!r}")
        return value

    return read


def add_design(parser):
    parser.add_argument("design", metavar="DESIGN", help="see: brickwork list")
    _add_settings(parser)


def add_designs(parser):
    parser.add_argument("designs", metavar="DESIGN", nargs="*", help="default: all designs")
    _add_settings(parser)


def _add_settings(parser):
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        dest="settings",
        action="append",
        default=[],
        help="set a parameter of the design; may be repeated",
    )


def add_wrapper(parser, default="stream"):
    """``--top`` and ``--bus``."""
    parser.add_argument(
        "--top",
        metavar="TOP",
        default=default,
        help="stream: the bare core; axis: AXI4-Stream and AXI4-Lite registers; axi: AXI4 to "
        "memory and AXI4-Lite registers; uart: a serial line "
        f"(default: {default or 'all of them'})",
    )
    parser.add_argument(
        "--bus",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a parameter of the bus wrapper: data_width (32 to 512), and of axi "
        "address_width, burst and outstanding; of uart clock_hz and baud",
    )


def add_simulation(parser):
    """``--waves`` and ``--seed``."""
    parser.add_argument("--waves", action="store_true", help="record waveforms")
    parser.add_argument(
        "--seed",
        metavar="N",
        type=integer("Seed", 0, (1 << 32) - 1),
        default=1,
        help="seed of everything random in the simulation (default: 1)",
    )


def add_product(parser, **out):
    """Operands, modes, and ``--out``, to whose properties ``out`` adds."""
    from ..designs.registry import DESIGNS

    parser.add_argument(
        "--mode",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a mode of the product, see below; may be repeated",
    )
    parser.add_argument(
        "--a",
        metavar="A.npy",
        required=True,
        help="M × K: integers, floats, or a file of brickwork quantize",
    )
    parser.add_argument(
        "--w", metavar="W.npy", required=True, help="K × N (see --w-layout), likewise"
    )
    parser.add_argument(
        "--w-layout",
        metavar="LAYOUT",
        choices=["kn", "nk"],
        default="kn",
        help="kn: W is K × N; nk: outputs × inputs (default: kn)",
    )
    for function in dict.fromkeys(design.arguments for design in DESIGNS.values()):
        function(parser)
    for option, remedy in _REPLACED.items():
        parser.add_argument(
            option, nargs="?", action=_Replaced, remedy=remedy, help=argparse.SUPPRESS
        )
    out = {"metavar": "Y.npy", "help": "file for the results, int64, M × N"} | out
    parser.add_argument("--out", **out)


#: Options that went, and what took their place.
_REPLACED = {
    "--relu": "--mode relu=1",
    "--assign": "--mode row_mapping=balanced (or modulo)",
}


class _Replaced(argparse.Action):
    """Refuses an option that was replaced."""

    def __init__(self, *args, remedy, **options):
        super().__init__(*args, **options)
        self._remedy = remedy

    def __call__(self, parser, namespace, values, option_string=None):
        raise UsageError(f"Option {option_string} is now {self._remedy}")


def read_operands(options, design):
    """The operands that the options name, for a design.

    Raises
    ------
    UsageError, OSError, TypeError, ValueError
        If a file cannot be read, or a mode is none of the design's.
    """
    from ..designs._operands import Operands, Source
    from ..designs.registry import DESIGNS
    from ..lib.arrays import read_array, read_matrix

    modes = _modes(options.mode, design)
    names = dict.fromkeys(name for each in DESIGNS.values() for name in each.OPTIONS)
    extras = {name: getattr(options, name, None) for name in names}
    for name, value in extras.items():
        if isinstance(value, str):
            extras[name] = read_array(value, name.capitalize())
    w = Source(**read_matrix(options.w, "W"))
    return Operands(
        a=Source(**read_matrix(options.a, "A")),
        w=w.transposed() if options.w_layout == "nk" else w,
        modes=modes,
        options=extras,
    )


def _modes(settings, design):
    """Modes by name, from texts ``NAME=VALUE``."""
    types, modes = design.OUTPUT_MODES | design.MODES, {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"Mode must be NAME=VALUE, not {setting!r}")
        if name not in types:
            raise UsageError(f"Mode must be one of {', '.join(types)}, not {name!r}")
        if name in modes:
            raise UsageError(f"Mode {name} must be set once, not twice")
        try:
            modes[name] = text if types[name] is str else int(text, 0)
        except ValueError:
            raise UsageError(f"Mode {name} must be an integer, not {text!r}") from None
    return modes


def add_out(parser):
    parser.add_argument(
        "--out", metavar="DIR", default="out", help="folder for artefacts (default: out)"
    )


def add_json(parser):
    parser.add_argument("--json", action="store_true", help="print JSON")
