"""A core file for FuseSoC, and the lint rules that it names."""

from ...sim.manifest import Manifest
from ...sim.verilator.build import lint_rules
from .verilog_bench import verilog_bench

__all__ = ["fusesoc"]

_CORE = """\
CAPI=2:
name: brickwork:cores:{top}:{version}
description: {design} by Brickwork, digest {digest}

filesets:
  rtl:
    files: [{top}.v]
    file_type: verilogSource-2005
  lint:
    files: [{top}.vlt]
    file_type: vlt
  constraints:
    files: [{top}.xdc]
    file_type: xdc
"""

_BENCH = """\
  bench:
    files:
      - {top}_tb.v: {{file_type: verilogSource-2005}}
"""

_TARGETS = """\

targets:
  default:
    filesets: [rtl]
    toplevel: {top}
  # Verilator's lint, with all warnings.
  lint:
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
    filesets: [rtl, lint]
    toplevel: {top}
  # Yosys; --arch chooses what for.
  synth:
    flow: generic
    flow_options:
      tool: yosys
      arch: xilinx
      output_format: json
    filesets: [rtl]
    toplevel: {top}
  # Synthesis in Vivado; --part chooses the device.
  vivado:
    flow: vivado
    flow_options:
      pnr: none
    filesets: [rtl, constraints]
    toplevel: {top}
"""

_SIMULATION = """\
  # The testbench, in Icarus, or with --tool verilator in Verilator. It gives the time scale.
  sim:
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: [-g2005]
      mode: binary
    filesets: [bench, rtl, lint]
    toplevel: {top}_tb
"""


def fusesoc(manifest: Manifest) -> dict[str, str]:
    """``<top>.core``, a core in FuseSoC's format CAPI=2, and ``<top>.vlt`` for Verilator.

    Its targets are ``default`` (the Verilog alone), ``lint``, ``synth``, ``vivado`` and, where
    there is a testbench, ``sim``, which fails when the testbench does. The constraints
    ``<top>.xdc`` have to be beside it.

    Returns
    -------
    dict
        File name to text.
    """
    names = list(verilog_bench(manifest))
    text = _CORE
    if names:
        text += _BENCH
        # A simulator reads these by their names, from where it runs.
        text += "".join(
            f"      - {name}: {{{{file_type: user, copyto: {name}}}}}\n" for name in names[1:]
        )
    text += _TARGETS + (_SIMULATION if names else "")
    facts = {name: getattr(manifest, name) for name in ("top", "design", "digest")}
    return {
        f"{manifest.top}.core": text.format(**facts, version=manifest.tools["brickwork"]),
        f"{manifest.top}.vlt": lint_rules().read_text("utf-8"),
    }
