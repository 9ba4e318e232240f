"""Arguments that several commands share; imports nothing that takes time."""

import argparse
from pathlib import Path

from ..lib.errors import UsageError
from . import completion

__all__ = [
    "add_clock",
    "add_design",
    "add_designs",
    "add_json",
    "add_layout",
    "add_npu",
    "add_out",
    "add_product",
    "add_seeds",
    "add_simulation",
    "add_target",
    "add_workers",
    "add_wrapper",
    "array_file",
    "default_from",
    "integer",
    "integers",
    "modes_from_text",
    "number",
    "path",
    "read_npu",
    "read_operands",
]


def default_from(action, key, *, only_with=None):
    """Lets a key of ``brickwork.toml`` be the default of an option; see :mod:`.defaults`.

    With ``only_with``, the name of another option, the default counts where that one is set.
    """
    action.key, action.only_with = key, only_with
    return action


def path(subject):
    """A converter for the name of a file or folder, which must not be empty."""

    def read(text):
        if not text:
            raise UsageError(f"{subject} must have a name, not {text!r}")
        return text

    read.completer = completion.paths
    return read


def array_file(subject, suffix):
    """A converter for the name of a file to write, which has a suffix.

    A device, a pipe, a folder, which is refused elsewhere, and a descriptor below ``/dev`` or
    ``/proc`` need none.
    """
    named = path(subject)

    def read(text):
        file = Path(named(text))
        regular = file.is_file() or not file.exists()
        if (
            file.suffix != suffix
            and regular
            and file.parts[:2] not in (("/", "dev"), ("/", "proc"))
        ):
            raise UsageError(f"{subject} must be written to a file {suffix}, not to {text!r}")
        return text

    read.completer = completion.paths
    return read


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
    _add_designs(parser, "design", help="see: brickwork list")


def add_designs(parser):
    _add_designs(parser, "designs", nargs="*", help="default: all designs")


def _add_designs(parser, dest, **options):
    design = parser.add_argument(dest, metavar="DESIGN", **options)
    default_from(design, "design").completer = completion.designs
    settings = parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        dest="settings",
        action="append",
        default=[],
        help="set a parameter of the design; may be repeated",
    )
    default_from(settings, "set").completer = completion.settings


def add_clock(parser, help, *, only_with=None):
    """``--clock``; ``only_with`` is that of :func:`default_from`."""
    clock = parser.add_argument(
        "--clock", metavar="MHZ", type=number("Clock in MHz", 0.001, 10_000), help=help
    )
    default_from(clock, "clock", only_with=only_with)


def add_wrapper(parser, default="stream, or the first that the design has"):
    """``--top`` and ``--bus``."""
    top = parser.add_argument(
        "--top",
        metavar="TOP",
        help="stream: the bare core; axis: AXI4-Stream and AXI4-Lite registers; axi: AXI4 to "
        "memory and AXI4-Lite registers; uart: a serial line "
        f"(default: {default})",
    )
    default_from(top, "top").completer = completion.tops
    bus = parser.add_argument(
        "--bus",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a parameter of the bus wrapper: data_width (32 to 512), and of axi "
        "address_width, burst, outstanding and walk; of uart clock_hz and baud",
    )
    default_from(bus, "bus").completer = completion.bus_settings


def add_simulation(parser):
    """``--waves`` and ``--seed``."""
    parser.add_argument("--waves", action="store_true", help="record waveforms")
    seed = parser.add_argument(
        "--seed",
        metavar="N",
        type=integer("Seed", 0, (1 << 32) - 1),
        default=1,
        help="seed of everything random in the simulation (default: 1)",
    )
    default_from(seed, "seed")


def add_product(parser, required=True, **out):
    """Operands, modes, and ``--out``, to whose properties ``out`` adds."""
    from ..designs.registry import DESIGNS

    mode = parser.add_argument(
        "--mode",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a mode of the product, see below; may be repeated",
    )
    default_from(mode, "modes").completer = completion.modes
    parser.add_argument(
        "--a",
        metavar="A.npy",
        type=path("A"),
        required=required,
        help="M × K: integers, floats, a file of brickwork quantize, or a tensor, "
        "FILE.safetensors:NAME",
    )
    parser.add_argument(
        "--w",
        metavar="W.npy",
        type=path("W"),
        required=required,
        help="K × N (see --w-layout), likewise; a tensor also of GPTQ or AWQ, in its own layout",
    )
    add_layout(parser)
    for function in dict.fromkeys(design.arguments for design in DESIGNS.values()):
        function(parser)
    for option, remedy in _REPLACED.items():
        parser.add_argument(
            option, nargs="?", action=_Replaced, remedy=remedy, help=argparse.SUPPRESS
        )
    results = {
        "metavar": "Y.npy",
        "type": array_file("Results", ".npy"),
        "help": "file for the results, int64, or float32 of a core with float results, M × N",
    }
    parser.add_argument("--out", **results | out)


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
    from ..lib.weight_files import is_tensor, read_tensor, read_weights

    modes = modes_from_text(options.mode, design)
    names = dict.fromkeys(name for each in DESIGNS.values() for name in each.OPTIONS)
    extras = {name: getattr(options, name, None) for name in names}
    for name, value in extras.items():
        if isinstance(value, str):
            extras[name] = read_array(value, name.capitalize())
    if is_tensor(options.w):
        w = Source.of(read_weights(options.w))
    else:
        w = Source(**read_matrix(options.w, "W"))
        w = w.transposed() if options.w_layout == "nk" else w
    if is_tensor(options.a):
        a = Source.of(read_tensor(options.a, "A"))
    else:
        a = Source(**read_matrix(options.a, "A"))
    operands = Operands(a=a, w=w, modes=modes, options=extras)
    design.check_blocks(operands)
    return operands


def modes_from_text(settings, design):
    """Modes by name, from texts ``NAME=VALUE``."""
    from ..designs import registry

    types, modes = design.OUTPUT_MODES | design.MODES, {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"Mode must be NAME=VALUE, not {setting!r}")
        if name not in types:
            raise UsageError(
                f"Mode must be one of {', '.join(types)}, not {name!r}"
                f"{registry.hint(name, types, design.NAME)}"
            )
        if name in modes:
            raise UsageError(f"Mode {name} must be set once, not twice")
        try:
            modes[name] = text if types[name] is str else int(text, 0)
        except ValueError:
            raise UsageError(f"Mode {name} must be an integer, not {text!r}") from None
    return modes


def add_out(parser, option="--out"):
    out = parser.add_argument(
        option,
        metavar="DIR",
        type=path("Output folder"),
        default="out",
        help="folder for artefacts (default: out)",
    )
    default_from(out, "out")


def add_target(parser, default=""):
    """A target of synthesis, required unless ``default`` describes a default; a Liberty file."""
    from ..flow import targets

    names = f"one of {', '.join(targets.names())}"
    target = parser.add_argument(
        "--target",
        metavar="TARGET",
        required=not default,
        help=f"{names} (default: {default})" if default else names,
    )
    default_from(target, "target").completer = completion.targets
    liberty = parser.add_argument(
        "--liberty",
        metavar="FILE",
        type=path("Liberty file"),
        help="library of cells for the target liberty",
    )
    default_from(liberty, "liberty")


def add_seeds(parser, help, *, default=None, only_with=None):
    """``--seeds``; ``only_with`` is that of :func:`default_from`."""
    seeds = parser.add_argument(
        "--seeds",
        metavar="N",
        type=integer("Number of seeds", 1, 1000),
        default=default,
        help=help,
    )
    default_from(seeds, "seeds", only_with=only_with)


def add_workers(parser, help):
    workers = parser.add_argument(
        "--workers", metavar="N", type=integer("Number of workers", 1, 1024), help=help
    )
    default_from(workers, "workers")


def add_layout(parser):
    """``--w-layout``: the order of the dimensions of W."""
    parser.add_argument(
        "--w-layout",
        metavar="LAYOUT",
        choices=["kn", "nk"],
        default="kn",
        help="kn: W is K × N; nk: outputs × inputs (default: kn)",
    )


def add_json(parser):
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_npu(parser):
    parser.add_argument(
        "--npu",
        metavar="DIR",
        type=path("Folder"),
        required=True,
        help="folder, or manifest, of the emitted network processor",
    )


def read_npu(folder):
    """What a program has to know of the network processor in a folder.

    Raises
    ------
    ValueError
        If there is no manifest, or that of another design.
    """
    from ...sim.manifest import Manifest
    from ...sim.npu.core import Core

    return Core.from_manifest(Manifest.at(folder))
