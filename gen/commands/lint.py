"""``brickwork lint``: what Verilator and yosys find in the Verilog of designs."""

import sys
from pathlib import Path

from ...sim import processes
from ..lib import colour, yosys
from ..lib.messages import print_json
from ..lib.progress import progress
from .arguments import add_designs, add_json, add_out, add_wrapper

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
    add_wrapper(parser, "all of them")
    add_out(parser)
    add_json(parser)


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
    records = []
    with progress(total=len(cases)) as bar:
        for name, settings, top, bus, parameters in cases:
            label = [*settings, *([] if top in (None, "stream") else [f"top={top}"]), *bus]
            bar.set_description_str(f"{name} {' '.join(label)}")
            emission = emit(parameters, out)
            messages = findings(verilator, emission)
            record = {
                "design": parameters.design(),
                "digest": emission.digest,
                "parameters": parameters.as_dict(),
                "findings": messages,
                "verilog": str(emission.verilog),
            }
            records.append(record)
            bar.update()
            if not options.json:
                with bar.external_write_mode():
                    _show(name, " ".join(label), messages)
    clean = not any(record["findings"] for record in records)
    if options.json:
        print_json({"clean": clean, "designs": records})
    return 0 if clean else 1


def _show(name, label, messages):
    count = f"{len(messages)} finding{'s' * (len(messages) > 1)}"
    verdict = colour.red(count, sys.stdout) if messages else colour.verdict("ok")
    print(name, label, verdict, sep="\t", flush=True)
    for finding in messages:
        print("", finding, sep="\t", flush=True)


def _variants(name, options):
    """Settings of a core, a bus wrapper and its settings: those of the options, or small ones."""
    from ..designs import registry

    design = registry.design(name)
    cores = [options.settings] if options.settings else design.LINT_CASES
    if options.top or options.settings or options.bus:
        return [(settings, options.top, options.bus) for settings in cores]
    bare = [(settings, design.TOPS[0], ()) for settings in cores]
    wrapped = [cores[index] for index in design.WRAPPED_LINT_CASES]
    wrappers = [(top, bus) for top, bus in _WRAPPERS if top in design.TOPS]
    return bare + [(settings, *wrapper) for settings in wrapped for wrapper in wrappers]


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
    status, output = processes.run(command, env=verilator.environment)
    lines = [line for line in output.splitlines() if line.startswith("%")]
    messages = [line for line in lines if "Exiting due to" not in line]
    if status != 0 and not messages:
        messages = [f"Verilator ended with status {status}: {output.strip()[-200:]!r}"]
    return messages


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
