"""Whether a mutant that its bench does not notice is a fault at all.

The unit and the mutant run side by side on the same inputs, from a reset on, in front of which all
registers are 0; another reset may come in any cycle. ABC searches for outputs that differ, and
proves that there are none in a run of any length. Where there are some, the rules of streams may
exclude them: a word on offer to the unit stays as it is, and a payload counts while it is valid.
"""

import contextlib
import subprocess
from pathlib import Path
from typing import NamedTuple

from ...sim.manifest import Manifest
from ..lib import abc, yosys
from .netlist import Mutant, prepared

__all__ = ["CYCLES", "judge"]

#: Cycles of the bounded search.
CYCLES = 40
_SECONDS = 6
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
        ``state`` is ``equivalent`` (proved), ``unreachable`` (proved under the rules of streams),
        or ``survived``; ``reason`` says more.
    """
    state = {"state": "survived"}
    for rules, proved in ((False, "equivalent"), (True, "unreachable")):
        verdict = _search(manifest, mutant, folder, rules)
        if verdict is None:
            return state | {"reason": "netlist too large for a proof"}
        if verdict.holds:
            return {"state": proved, "reason": "proved"}
        if verdict.holds is None:
            return state | {"reason": f"no difference within {CYCLES} cycles or {_SECONDS} s"}
    return state | {"reason": f"outputs differ in cycle {verdict.frame}"}


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
    """A module ``harness`` around ``gold`` and ``gate``, which asserts that outputs are equal."""
    handshakes = _handshakes(manifest) if rules else []
    inputs = [port for port in manifest.ports if port["direction"] == "input"]
    outputs = [port for port in manifest.ports if port["direction"] == "output"]
    valid = {
        name: each.valid
        for each in handshakes
        if each.direction == "output"
        for name in each.payload
    }
    names = [port["name"] for port in inputs]
    lines = [f"module harness({', '.join(dict.fromkeys([_CLOCK, *names]))});"]
    lines += [] if _CLOCK in names else [f"  input {_CLOCK};"]
    lines += [f"  input {_range(port)}{port['name']};" for port in inputs]
    for side in ("gold", "gate"):
        lines += [f"  wire {_range(port)}{side}_{port['name']};" for port in outputs]
        connections = [f".{name}({name})" for name in names]
        connections += [f".{port['name']}({side}_{port['name']})" for port in outputs]
        lines += [f"  {side} {side} ({', '.join(connections)});"]
    for port in outputs:
        name = port["name"]
        condition = f"if (gold_{valid[name]}) " if name in valid else ""
        lines += [f"  always @* {condition}assert (gold_{name} == gate_{name});"]
    # ABC's searches need a register and an assumption, also of a unit without either.
    lines += ["  reg started = 0;", f"  always @(posedge {_CLOCK}) started <= 1;"]
    resets = "rst" if "rst" in names else _CLOCK
    lines += [f"  always @* if (!started) assume ({resets});"]
    if _CLOCK in names:
        lines += [
            line
            for number, each in enumerate(handshakes)
            if each.direction == "input"
            for line in _stable(each, number, manifest)
        ]
    return "\n".join([*lines, "endmodule", ""])


def _stable(handshake, number, manifest):
    """The rule of a stream: a word on offer stays as it is until it is taken."""
    ports = {port["name"]: port for port in manifest.ports}
    signals = (handshake.valid, *handshake.payload)
    word = f"{{{', '.join(signals)}}}"
    width = sum(ports[name]["width"] for name in signals)
    ends = " & ~rst" if "rst" in ports else ""
    return [
        f"  reg [{width - 1}:0] last_{number};",
        f"  reg waits_{number} = 0;",
        f"  always @(posedge {_CLOCK}) begin",
        f"    last_{number} <= {word};",
        f"    waits_{number} <= {handshake.valid} & ~gold_{handshake.ready}{ends};",
        "  end",
        f"  always @* if (waits_{number}) assume (last_{number} == {word});",
    ]


def _range(port):
    return f"[{port['width'] - 1}:0] " if port["width"] > 1 else ""


def _search(manifest, mutant, folder, rules) -> abc.Verdict | None:
    """ABC's verdict on outputs that are always equal; None if the netlist is too large."""
    (folder / "harness.v").write_text(_harness(manifest, rules), "utf-8")
    # Yosys numbers cells anew whenever it reads a file.
    commands = [*prepared(manifest), "design -save prepared"]
    for side, change in (("gold", []), ("gate", [mutant.command()])):
        commands += [
            "design -load prepared",
            *change,
            "flatten -noscopeinfo",
            "memory -nomap",
            "memory_map",
            "opt_clean",
            f"rename {manifest.top} {side}",
            f"design -save {side}",
        ]
    commands += ["design -reset"]
    commands += [f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")]
    commands += [
        f"read_verilog -formal {folder.absolute()}/harness.v",
        "prep -flatten -top harness",
        "async2sync",
        "chformal -lower",
        # Registers of both begin alike.
        "setundef -init -zero",
        *abc.GATES,
        f"write_aiger -I -B -zinit -no-startoffset {folder.absolute()}/harness.aig",
    ]
    with contextlib.suppress(subprocess.TimeoutExpired, yosys.YosysError):
        yosys.run(commands, cwd=manifest.path.parent, temporary=folder, timeout=4 * _SECONDS)
        bounded = f"bmc3 -F {CYCLES} -T {_SECONDS}"
        verdict = abc.search("harness.aig", bounded, cwd=folder, timeout=4 * _SECONDS)
        if verdict.holds is False:
            return verdict
        proof = f"pdr -T {_SECONDS}"
        return abc.search("harness.aig", proof, cwd=folder, timeout=4 * _SECONDS)
    return None
