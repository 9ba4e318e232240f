"""``brickwork lint``: what Verilator and yosys find in the Verilog of designs."""

import subprocess
from pathlib import Path

from ..lib import yosys
from ..lib.progress import progress
from .arguments import add_designs, add_out, add_wrapper

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "findings", "main"]

SUMMARY = "check emitted Verilog with Verilator's lint and with yosys"
EXAMPLE = "brickwork lint gemm_ws --set rows=4 --set cols=6"

# With one word in a beat and several, one beat for a word and several.
_WRAPPERS = (
    ("axis", ("data_width=32",)),
    ("axis", ("data_width=512",)),
    ("axi", ("data_width=32", "address_width=12", "burst=1", "outstanding=2")),
    ("axi", ("data_width=256", "address_width=64")),
    ("uart", ()),
)


def arguments(parser):
    add_designs(parser)
    add_wrapper(parser, None)
    add_out(parser)


def main(options) -> int:
    from ...sim.verilator import toolchain
    from ..designs import registry
    from ..emission.emit import emit
    from ..lib.files import check_folder

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
    """Settings of a core, a bus wrapper and its settings: those of the options, or small ones."""
    from ..designs import registry

    design = registry.design(name)
    cores = [options.settings] if options.settings else design.LINT_CASES
    if options.top or options.settings or options.bus:
        return [(settings, options.top or "stream", options.bus) for settings in cores]
    bare = [(settings, "stream", ()) for settings in cores]
    wrapped = [cores[index] for index in design.WRAPPED_LINT_CASES]
    return bare + [(settings, *wrapper) for settings in wrapped for wrapper in _WRAPPERS]


def _parameters(name, settings, top, bus):
    from ..designs import registry
    from ..designs.wrappers import wrapper_from_text

    return wrapper_from_text(top, registry.parameters_from_text(name, settings), bus)


def findings(verilator, emission) -> list[str]:
    """What is wrong with emitted Verilog, one line each."""
    return _verilator(verilator, emission) + _yosys(emission)


def _verilator(verilator, emission):
    from ...sim.verilator.build import lint_rules

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
