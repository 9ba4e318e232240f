"""Whether mutants that their bench does not notice are faults at all.

The unit and the mutant run side by side on the same inputs. First the mutant's module does so
alone, with the outputs of the instances in it as inputs: there is no fault if its outputs, and the
inputs of the instances, are always equal. Else the whole unit does, from a reset on, in front of
which all registers are 0; another reset may come in any cycle. ABC searches for outputs that
differ, and proves that there are none in a run of any length. Where there are some, the rules of
streams may exclude them: a word on offer to the unit stays as it is, and a payload counts while it
is valid.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...sim.manifest import Manifest
from ..lib import abc, yosys
from ..lib.aiger import Model
from .netlist import SELECT, Mutant, prepared

__all__ = ["CYCLES", "judge"]

#: Cycles of the bounded search.
CYCLES = 40
_FEW_CYCLES = 10
_SECONDS = 6
#: Yosys may take so long for all mutants of a unit.
_YOSYS_SECONDS = 120
#: Models from some 80,000 gates on take minutes for each mutant.
_LARGEST_BYTES = 900_000
_CLOCK = "clk"
_SURVIVED = {"state": "survived"}
_EQUIVALENT = {"state": "equivalent", "reason": "proved"}
_UNREACHABLE = {"state": "unreachable", "reason": "proved"}


class _TooLarge(Exception):
    """The model of a unit is too large for searches."""


def judge(manifest: Manifest, mutants: Sequence[Mutant], folder: Path) -> list[dict]:
    """The state of each mutant that survived, and the reason.

    Parameters
    ----------
    manifest : Manifest
        The unit's.
    mutants : sequence of Mutant
    folder : Path
        Gets temporary files.

    Returns
    -------
    list of dict
        ``state`` is ``equivalent`` (proved), ``unreachable`` (proved under the rules of streams),
        or ``survived``; ``reason`` says more.
    """
    folder = folder.absolute()
    verdicts = {}
    waiting = dict(enumerate(mutants))
    for models in (_alone, _with_rules, _without_rules):
        if not waiting:
            break
        try:
            files = models(manifest, list(waiting.values()), folder)
        except (_TooLarge, subprocess.TimeoutExpired, yosys.YosysError) as error:
            failed = isinstance(error, yosys.YosysError)
            reason = f"Yosys failed: {error}" if failed else "netlist too large for a proof"
            verdicts = dict.fromkeys(waiting, _SURVIVED | {"reason": reason}) | verdicts
            break
        for number, file in zip(tuple(waiting), files, strict=True):
            verdict = _search(file)
            if models is _alone and verdict.holds:
                verdicts[number] = _EQUIVALENT
            elif models is _with_rules:
                verdicts[number] = _state(verdict)
            elif models is _without_rules and verdict.holds:
                verdicts[number] = _EQUIVALENT
        # Only what is proved with rules may hold without.
        waiting = {
            number: mutant
            for number, mutant in waiting.items()
            if verdicts.get(number, _UNREACHABLE) == _UNREACHABLE
        }
    return [verdicts[number] for number in range(len(mutants))]


def _state(verdict):
    if verdict.holds:
        return _UNREACHABLE
    if verdict.holds is None:
        reason = f"no difference within {CYCLES} cycles or {_SECONDS} s"
    else:
        reason = f"outputs differ in cycle {verdict.frame}"
    return _SURVIVED | {"reason": reason}


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


def _harness(manifest: Manifest, rules: bool, width: int) -> str:
    """A module ``harness`` around ``gold`` and ``gate``, which asserts that outputs are equal.

    ``width`` is that of the select of mutants, an input.
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
    names = [port["name"] for port in inputs]
    lines = [f"module harness({', '.join(dict.fromkeys([_CLOCK, *names, SELECT]))});"]
    lines += [f"  input [{width - 1}:0] {SELECT};"]
    lines += [] if _CLOCK in names else [f"  input {_CLOCK};"]
    lines += [f"  input {_range(port)}{port['name']};" for port in inputs]
    for side in ("gold", "gate"):
        lines += [f"  wire {_range(port)}{side}_{port['name']};" for port in outputs]
        connections = [f".{name}({name})" for name in names]
        connections += [f".{port['name']}({side}_{port['name']})" for port in outputs]
        connections += [f".{SELECT}({SELECT})"] if side == "gate" else []
        lines += [f"  {side} {side} ({', '.join(connections)});"]
    for port in outputs:
        name = port["name"]
        condition = f"if (gold_{valid[name]}) " if name in valid else ""
        lines += [f"  always @* {condition}assert (gold_{name} == gate_{name});"]
    # As in the model of a module alone.
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


# A model has a register and an assumption at least, because ABC's searches need both.
_ALONE = """module harness(input clk, input any);
  miter miter ();
  reg started = 0;
  always @(posedge clk) started <= 1;
  always @* if (!started) assume (any);
endmodule
"""


def _alone(manifest, mutants, folder):
    """A model in AIGER for each mutant: its module, without the instances in it."""
    (folder / "alone.v").write_text(_ALONE, "utf-8")
    commands = [*prepared(manifest), "design -save prepared"]
    files = []
    for number, mutant in enumerate(mutants):
        for side, change in (("gold", []), ("gate", [mutant.command()])):
            commands += [
                "design -load prepared",
                *change,
                # Modules above this one go.
                f"hierarchy -top {mutant.module}",
                f"expose -evert {mutant.module}",
                *_flat(mutant.module, side),
            ]
        commands += [
            "design -reset",
            *_both(),
            "miter -equiv -make_assert gold gate miter",
            *_model(folder / "alone.v"),
        ]
        files.append(folder / f"alone-{number}.aig")
        commands.append(_write(files[-1]))
    yosys.run(commands, cwd=manifest.path.parent, temporary=folder, timeout=_YOSYS_SECONDS)
    return files


def _with_rules(manifest, mutants, folder):
    """Models of the whole unit, whose inputs keep the rules of streams."""
    return _whole(manifest, mutants, folder, rules=True)


def _without_rules(manifest, mutants, folder):
    """Models of the whole unit with any inputs."""
    return _whole(manifest, mutants, folder, rules=False)


def _whole(manifest, mutants, folder, *, rules):
    width = len(mutants).bit_length()
    (folder / "harness.v").write_text(_harness(manifest, rules, width), "utf-8")
    numbered = [mutant.command(number, width) for number, mutant in enumerate(mutants, 1)]
    commands = [*prepared(manifest), "design -save prepared"]
    for side, changes in (("gold", []), ("gate", numbered)):
        commands += ["design -load prepared", *changes, *_flat(manifest.top, side)]
    commands += ["design -reset", *_both(), *_model(folder / "harness.v")]
    # All mutants are in one netlist of gates, and a constant selects one.
    commands += [_write(folder / "whole.aig")]
    yosys.run(commands, cwd=manifest.path.parent, temporary=folder, timeout=_YOSYS_SECONDS)
    data = (folder / "whole.aig").read_bytes()
    if len(data) > _LARGEST_BYTES:
        raise _TooLarge
    model = Model(data)
    inputs = [SELECT] if width == 1 else [f"{SELECT}[{bit}]" for bit in range(width)]
    files = []
    for number in range(1, len(mutants) + 1):
        files.append(folder / f"whole-{number}.aig")
        files[-1].write_bytes(
            model.fixed({name: number >> bit & 1 for bit, name in enumerate(inputs)})
        )
    return files


def _flat(module, side):
    """Commands that save a module as a flat one of its own."""
    return [
        "flatten -noscopeinfo",
        "memory -nomap",
        "memory_map",
        "opt_clean",
        f"rename {module} {side}",
        f"design -save {side}",
    ]


def _both():
    return [f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")]


def _model(file):
    """Commands that turn the module ``harness`` of a file into gates."""
    return [
        f"read_verilog -formal {file}",
        "hierarchy -check -top harness",
        "proc",
        "flatten -noscopeinfo",
        "opt_clean",
        "async2sync",
        "chformal -lower",
        # Registers of both begin alike.
        "setundef -init -zero",
        *abc.GATES,
    ]


def _write(file):
    return f"write_aiger -I -B -zinit -no-startoffset -symbols {file}"


def _search(file) -> abc.Verdict:
    """ABC's verdict on outputs that are always equal."""
    # Most differences show within few cycles, and most proofs take less time than many cycles.
    searches = (f"bmc3 -F {_FEW_CYCLES}", "pdr", f"bmc3 -F {CYCLES}")
    try:
        for search in searches:
            command = f"{search} -T {_SECONDS}"
            verdict = abc.search(file.name, command, cwd=file.parent, timeout=4 * _SECONDS)
            if verdict.holds is False or (verdict.holds and search == "pdr"):
                return verdict
        return verdict._replace(holds=None)
    except subprocess.TimeoutExpired:
        return abc.Verdict(None, None, "")
