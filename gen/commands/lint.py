"""``brickwork lint``: what Verilator and yosys find in the Verilog of designs."""

import subprocess
from dataclasses import fields
from pathlib import Path

from ...sim.verilator import toolchain
from ...sim.verilator.build import lint_rules
from ..designs import registry
from ..designs.wrappers import top_from_text
from ..emission.emit import Emission, emit
from ..lib import yosys
from ..lib.files import check_folder
from ..lib.progress import progress

__all__ = ["findings", "lint"]

# Small, not square, and with unequal tiles: modules are shared, so this covers large arrays.
_SMALL = ("cols=5", "tile_rows=2", "tile_cols=2")
_OUTPUTS = ("raw", "bias", "scale", "shift")
# What the borders and elements are made of: mantissas with and without exponents and in two terms,
# types chosen at run time, halves, pairs (of an even number of rows), special values.
_FORMATS = (
    ("rows=3", "a_format=uflint4", "w_format=pot4"),
    ("rows=3", "a_format=e4m3", "w_format=e4m3+e5m2", "specials=flag", "max_k=50"),
    ("rows=3", "a_format=posit8_1", "w_format=apot5", "max_k=50"),
    ("rows=3", "a_format=adaptivfloat6_3", "w_format=int8"),
    ("rows=3", "a_format=int4+flint4+uint8", "w_format=int4+pot4+e2m1+int8"),
    ("rows=4", "a_format=ovp_int4+ovp_flint4", "w_format=ovp_int4+int4+ovp_int8"),
)
# With and without parts of the tree, and memories of one word.
_SPARSE = (
    ("pes=5", "queue_depth=2", "columns=20", "entries=40", "acts=4", "rows=3", "books=2"),
    ("pes=1", "columns=1", "entries=1", "acts=1", "rows=1", "skip=0"),
)
# With one word in a beat and several, one beat for a word and several.
_TOPS = (
    ("axis", ("data_width=32",)),
    ("axis", ("data_width=512",)),
    ("axi", ("data_width=32", "address_width=12", "burst=1", "outstanding=2")),
    ("axi", ("data_width=256", "address_width=64")),
    ("uart", ()),
)


def lint(options) -> int:
    names = list(dict.fromkeys(options.designs)) or list(registry.DESIGNS)
    cases = [
        (name, settings, top, bus, _parameters(name, settings, top, bus))
        for name in names
        for settings, top, bus in _variants(name, options)
    ]
    out = check_folder(options.out)
    verilator = toolchain.verilator()
    clean = True
    with progress(total=len(cases)) as bar:
        for name, settings, top, bus, parameters in cases:
            label = [*settings, *([] if top == "stream" else [f"top={top}"]), *bus]
            bar.set_description_str(f"{name} {' '.join(label)}")
            found = findings(verilator, emit(parameters, out))
            clean = clean and not found
            bar.update()
            with bar.external_write_mode():
                verdict = f"{len(found)} findings" if found else "ok"
                print(name, " ".join(label), verdict, sep="\t", flush=True)
                for finding in found:
                    print("", finding, sep="\t", flush=True)
    return 0 if clean else 1


def _variants(name, options):
    """Settings of a core, a top and its settings: those that are asked for, or small ones."""
    cores = [options.settings] if options.settings else _small_variants(name)
    if options.top or options.settings or options.bus:
        return [(settings, options.top or "stream", options.bus) for settings in cores]
    # What is around a core depends on its streams, and these on the output.
    with_tops = cores[: len(_OUTPUTS)] if name != "eie" else cores
    found = [(settings, "stream", ()) for settings in cores]
    return found + [(settings, *top) for settings in (with_tops[0], with_tops[-1]) for top in _TOPS]


def _parameters(name, settings, top, bus):
    return top_from_text(top, registry.parameters_from_text(name, settings), bus)


def _small_variants(name):
    if name == "eie":
        return _SPARSE
    variants = [("rows=3", f"output={output}") for output in _OUTPUTS]
    if "a_format" in (item.name for item in fields(registry.design(name))):
        variants += _FORMATS
    return [(*settings, *_SMALL) for settings in variants]


def findings(verilator: toolchain.Verilator, emission: Emission) -> list[str]:
    """What is wrong with emitted Verilog, one line each."""
    return _verilator(verilator, emission) + _yosys(emission)


def _verilator(verilator, emission):
    command = [str(verilator.binary), "--lint-only", "-Wall", "--quiet"]
    command += ["--top-module", emission.verilog.stem, str(lint_rules()), str(emission.verilog)]
    done = subprocess.run(
        command,
        env=verilator.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("%")]
    found = [line for line in lines if "Exiting due to" not in line]
    if done.returncode != 0 and not found:
        found = [f"Verilator ended with status {done.returncode}: {done.stdout.strip()[-200:]!r}"]
    return found


def _yosys(emission):
    top = emission.verilog.stem
    commands = ["read_verilog", f"hierarchy -check -top {top}", "proc", "check -assert"]
    commands[0] += f" {emission.verilog.name}"
    try:
        log = yosys.run(commands, cwd=Path(emission.folder))
    except yosys.YosysError as error:
        return [*_warnings(error.log), f"yosys: {error}"]
    return _warnings(log)


def _warnings(log):
    return [f"yosys: {line}" for line in log.splitlines() if line.startswith("Warning:")]
