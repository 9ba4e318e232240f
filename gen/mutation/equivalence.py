"""Whether a mutant that its bench does not notice is a fault at all.

The unit and the mutant run side by side on the same inputs, in Yosys' SAT solver. Bounded search
from a reset looks for outputs that differ; a reset may come again in any cycle. Where it finds
none, induction may prove that there are none. The rules of streams are assumed of inputs, and an
output's payload counts while it is valid: a difference that needs an offered word to change, or
that nobody may look at, is none.
"""

import contextlib
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from ...sim.manifest import Manifest
from ..lib import yosys
from .netlist import Mutant, prepared

__all__ = ["CYCLES", "judge"]

#: Cycles of the bounded search, the first of which is a reset.
CYCLES = 12
_SECONDS = 30
_CLOCK = "clk"


def judge(manifest: Manifest, mutant: Mutant, folder: Path) -> dict:
    """The state of a mutant that survived, and the reason.

    Parameters
    ----------
    folder : Path
        Gets temporary files.

    Returns
    -------
    dict
        ``state`` is ``equivalent`` (by induction), ``unreachable`` (outputs differ only in runs
        that break the rules of streams, or only while a payload is not valid, within
        :data:`CYCLES` cycles), or ``survived``; ``reason`` says more.
    """
    depth, differs = _search(manifest, mutant, folder, rules=True)
    if differs:
        return {"state": "survived", "reason": f"outputs differ in cycle {depth}"}
    if depth >= _INDUCTION and _induction(manifest, mutant, folder):
        return {"state": "equivalent", "reason": "by induction"}
    free_depth, differs = _search(manifest, mutant, folder, rules=False)
    if differs and free_depth <= depth:
        return {"state": "unreachable", "reason": f"under the rules of streams, {depth} cycles"}
    return {"state": "survived", "reason": f"no difference within {depth} cycles"}


class _Handshake(NamedTuple):
    """A stream or an AXI channel by its ports; ``direction`` is that of ``valid``."""

    direction: str
    valid: str
    ready: str
    payload: tuple[str, ...]


def _handshakes(manifest: Manifest) -> list[_Handshake]:
    ports = {port["name"]: port for port in manifest.ports}
    prefixes = {
        name.removesuffix("valid")
        for name in ports
        if name.endswith("valid") and f"{name.removesuffix('valid')}ready" in ports
    }
    handshakes = []
    for prefix in sorted(prefixes):
        direction = ports[f"{prefix}valid"]["direction"]
        payload = tuple(
            name
            for name, port in ports.items()
            if port["direction"] == direction
            and name != f"{prefix}valid"
            and max((each for each in prefixes if name.startswith(each)), key=len, default="")
            == prefix
        )
        handshakes.append(_Handshake(direction, f"{prefix}valid", f"{prefix}ready", payload))
    return handshakes


def _harness(manifest: Manifest, rules: bool) -> str:
    """A module ``harness`` with both netlists, and the modules ``gold`` and ``gate``.

    The latter have the ports of the netlists; with ``rules`` a payload that is not valid is 0.
    """
    handshakes = _handshakes(manifest) if rules else []
    inputs = [port for port in manifest.ports if port["direction"] == "input"]
    outputs = [port for port in manifest.ports if port["direction"] == "output"]
    valid = {
        name: each.valid
        for each in handshakes
        if each.direction == "output"
        for name in each.payload
    }
    lines = []
    for side in ("gold", "gate"):
        lines += [f"module {side}({', '.join(port['name'] for port in manifest.ports)});"]
        lines += [f"  input {_range(port)}{port['name']};" for port in inputs]
        lines += [f"  output {_range(port)}{port['name']};" for port in outputs]
        lines += [f"  wire {_range(port)}plain_{port['name']};" for port in outputs]
        connections = [f".{port['name']}({port['name']})" for port in inputs]
        connections += [f".{port['name']}(plain_{port['name']})" for port in outputs]
        lines += [f"  {side}_unit unit ({', '.join(connections)});"]
        for port in outputs:
            name = port["name"]
            mask = f"{{{port['width']}{{plain_{valid[name]}}}}} & " if name in valid else ""
            lines += [f"  assign {name} = {mask}plain_{name};"]
        lines += ["endmodule", ""]
    names = [port["name"] for port in inputs]
    lines += [f"module harness({', '.join([*names, 'differs'])});", "  output differs;"]
    lines += [f"  input {_range(port)}{port['name']};" for port in inputs]
    for side in ("gold", "gate"):
        lines += [f"  wire {_range(port)}{side}_{port['name']};" for port in outputs]
        connections = [f".{name}({name})" for name in names]
        connections += [f".{port['name']}({side}_{port['name']})" for port in outputs]
        lines += [f"  {side} {side} ({', '.join(connections)});"]
    terms = [f"gold_{port['name']} != gate_{port['name']}" for port in outputs]
    lines += [f"  assign differs = {' || '.join(terms) or 0};"]
    clocked = _CLOCK in names
    if clocked:
        lines += ["  reg started = 0;", f"  always @(posedge {_CLOCK}) started <= 1;"]
        if "rst" in names:
            lines += ["  always @* if (!started) assume (rst);"]
    for number, each in enumerate(handshakes if clocked else ()):
        if each.direction != "input":
            continue
        ready = f"gold_{each.ready}" if each.ready in {p["name"] for p in outputs} else each.ready
        word = f"{{{', '.join((each.valid, *each.payload))}}}"
        width = sum(port["width"] for port in inputs if port["name"] in (each.valid, *each.payload))
        lines += [
            f"  reg [{width - 1}:0] last_{number};",
            f"  reg waits_{number} = 0;",
            f"  always @(posedge {_CLOCK}) begin",
            f"    last_{number} <= {word};",
            f"    waits_{number} <= {each.valid} & ~{ready}{' & ~rst' if 'rst' in names else ''};",
            "  end",
            f"  always @* if (waits_{number}) assume (last_{number} == {word});",
        ]
    return "\n".join([*lines, "endmodule", ""])


def _range(port):
    return f"[{port['width'] - 1}:0] " if port["width"] > 1 else ""


def _both(manifest: Manifest, mutant: Mutant) -> list[str]:
    """Yosys' commands for a design with the flat modules ``gold_unit`` and ``gate_unit``."""
    # Yosys numbers cells anew whenever it reads a file.
    commands = [*prepared(manifest), "design -save prepared"]
    for name, change in (("gold_unit", []), ("gate_unit", [mutant.command()])):
        commands += [
            "design -load prepared",
            *change,
            "flatten -noscopeinfo",
            "memory -nomap",
            "memory_map",
            "opt_clean",
            f"rename {manifest.top} {name}",
            f"design -save {name}",
        ]
    return [
        *commands,
        "design -reset",
        "design -copy-from gold_unit -as gold_unit gold_unit",
        "design -copy-from gate_unit -as gate_unit gate_unit",
    ]


def _search(manifest, mutant, folder, *, rules) -> tuple[int, bool]:
    """The last cycle that was searched, and whether outputs differ in it."""
    (folder / "harness.v").write_text(_harness(manifest, rules), "utf-8")
    clocked = any(port["name"] == _CLOCK for port in manifest.ports)
    bounds = f"-tempinduct-baseonly -maxsteps {CYCLES} -set-init-zero" if clocked else ""
    log = _yosys(
        [
            *_both(manifest, mutant),
            f"read_verilog -formal {folder.absolute()}/harness.v",
            "hierarchy -check -top harness",
            "proc",
            "flatten -noscopeinfo",
            "async2sync",
            "dffunmap",
            "chformal -lower",
            "opt -full",
            f"sat -set-assumes -prove differs 0 {bounds} -timeout {_SECONDS} harness",
        ],
        manifest,
        folder,
    )
    steps = [int(step) for step in re.findall(r"\[base case (\d+)\] Solving", log)]
    differs = re.search(r"model found.*: FAIL!", log) is not None and "no model found" not in log
    if not clocked:
        return (CYCLES if "no model found: SUCCESS" in log else 1), differs
    done = max(steps, default=0)
    return (done if differs or "Reached maximum number of time steps" in log else done - 1), differs


#: Cycles of the induction, which begins with so many cycles of equal outputs.
_INDUCTION = 3
_ATTEMPTS = 4


def _induction(manifest, mutant, folder) -> bool:
    """Whether induction proves that outputs stay equal.

    It compares signals of equal names, too. Signals that differ, such as those right behind the
    fault, are left out of the next attempt.
    """
    (folder / "harness.v").write_text(_harness(manifest, rules=True), "utf-8")
    # Names that consist of a number are of no register.
    ignored = {"*._*_"}
    for _ in range(_ATTEMPTS):
        log = _yosys(
            [
                *_both(manifest, mutant),
                f"read_verilog -formal {folder.absolute()}/harness.v",
                "delete harness",
                "proc",
                "flatten -noscopeinfo gold gate",
                "async2sync",
                "dffunmap",
                "opt_clean",
                *(f"rename -hide gold/w:{name} gate/w:{name}" for name in sorted(ignored)),
                "equiv_make gold gate equiv",
                "hierarchy -top equiv",
                "equiv_simple",
                f"equiv_induct -seq {_INDUCTION}",
                "equiv_status",
            ],
            manifest,
            folder,
        )
        if "Equivalence successfully proven!" in log:
            return True
        differing = set(re.findall(r"^  Unproven \$equiv .*: \\(\S+)_gold", log, re.MULTILINE))
        inside = {name for name in differing if name.startswith("unit.")}
        if not inside or inside <= ignored:
            return False
        ignored |= inside
    return False


def _yosys(commands, manifest, folder) -> str:
    """The log; empty after a time-out, and where yosys cannot handle the design."""
    with contextlib.suppress(subprocess.TimeoutExpired, yosys.YosysError):
        return yosys.run(commands, cwd=manifest.path.parent, temporary=folder, timeout=4 * _SECONDS)
    return ""
