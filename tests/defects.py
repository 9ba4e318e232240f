"""Deliberate defects: does each unit's testbench notice when the unit is broken?

``python tests/defects.py [UNIT…]`` breaks the units, or those named, one defect at a time in a copy
of the package, runs the testbench on the cases of the unit's tests until one fails, and prints
which test of the bench it was. Exit status 1 if a defect survives or cannot be applied.

A defect that no bench can see is not one: each changes what the unit promises to those around it.
"""

import argparse
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Defect(NamedTuple):
    """``old``, which must occur exactly once in the file, becomes ``new``; ``what`` breaks."""

    file: str
    old: str
    new: str
    what: str


REQUANTIZE = "hdl/arith/requantize.py"
FIFO = "hdl/stream/fifo.py"
HOLD = "hdl/stream/hold.py"
PE_WS = "hdl/systolic/pe_ws.py"
PE_OS = "hdl/systolic/pe_os.py"
MESH_WS = "hdl/systolic/mesh_ws.py"
MESH_OS = "hdl/systolic/mesh_os.py"
GRID = "hdl/systolic/_grid.py"
SKEW = "hdl/systolic/skew.py"
DELAY = "hdl/systolic/delay.py"
LOADER = "hdl/systolic/loader.py"
ACCUMULATOR = "hdl/systolic/accumulator.py"
CHANNEL = "hdl/systolic/channel.py"
RESULTS = "hdl/systolic/results.py"
CONTROL_WS = "hdl/systolic/control_ws.py"
CONTROL_OS = "hdl/systolic/control_os.py"
ENGINE = "hdl/systolic/_engine.py"
GEMM_WS = "hdl/systolic/gemm_ws.py"
GEMM_OS = "hdl/systolic/gemm_os.py"

DEFECTS = {
    "requantize": [
        Defect(
            REQUANTIZE,
            "round_up.eq(fine[1] & (fine[0] | fine[2]))",
            "round_up.eq(fine[1])",
            "ties round up, not to even",
        ),
        Defect(
            REQUANTIZE,
            "lost = value[: distance + 1].any()",
            "lost = value[distance]",
            "what is shifted out far below the half is forgotten",
        ),
        Defect(
            REQUANTIZE,
            "narrow = saturated(m, fine[2:].as_signed(), self.out_shape.width + 3)",
            "narrow = fine[2 : self.out_shape.width + 5].as_signed()",
            "large values wrap instead of saturating",
        ),
        Defect(
            REQUANTIZE,
            "low, high = parameter(at + 1,",
            "low, high = parameter(at,",
            "the limits change a cycle before the value that they clamp",
        ),
        Defect(
            REQUANTIZE,
            'width = self.parameters["acc_width"] + 1',
            'width = self.parameters["acc_width"]',
            "the sum of accumulator and bias loses its carry",
        ),
        Defect(
            REQUANTIZE,
            "signed(max(len(narrow), self.out_shape.width + 1) + 1)",
            "signed(len(narrow) + 1)",
            "a zero point that is wider than the accumulator loses its upper bits",
        ),
    ],
    "fifo": [
        Defect(
            FIFO,
            "self.i.ready.eq(queue.w_rdy)",
            "self.i.ready.eq(queue.w_rdy | queue.r_en)",
            "ready depends on the other side within a cycle, and a full queue loses a word",
        ),
        Defect(
            FIFO,
            "queue.r_en.eq(self.o.ready)",
            "queue.r_en.eq(1)",
            "a word leaves though nobody takes it",
        ),
        Defect(
            FIFO,
            "kind(**self.parameters)",
            "kind(**self.parameters | {'depth': self.parameters['depth'] - 1})",
            "a place less",
        ),
        Defect(
            FIFO,
            "kind = fifo.SyncFIFO if self.latency == 1 else fifo.SyncFIFOBuffered",
            "kind = fifo.SyncFIFOBuffered",
            "shallow queues take a cycle more",
        ),
        Defect(
            FIFO,
            "queue.w_en.eq(self.i.valid)",
            "queue.w_en.eq(self.i.valid & ~queue.r_rdy)",
            "a word that comes while another waits is lost",
        ),
    ],
    "hold": [
        Defect(
            HOLD,
            "self.i.ready.eq(~self.held | self.take)",
            "self.i.ready.eq(~self.held)",
            "half the throughput",
        ),
        Defect(
            HOLD,
            "with m.If(self.i.ready):",
            "with m.If(self.i.ready & self.i.valid):",
            "the word is still held after it was taken",
        ),
        Defect(
            HOLD,
            "self.word.eq(word)]",
            "self.word.eq(self.i.payload)]",
            "the word is that of the input, not the held one",
        ),
        Defect(
            HOLD,
            "self.i.ready.eq(~self.held | self.take)",
            "self.i.ready.eq(1)",
            "a word that waits is replaced",
        ),
        Defect(
            HOLD,
            '"held": Out(1)',
            '"held": Out(1, init=1)',
            "a word is held after a reset",
        ),
    ],
    "pe_ws": [
        Defect(
            PE_WS,
            "        with m.If(self.shift):\n            m.d.sync += shadow.eq(self.weights)",
            "        m.d.sync += shadow.eq(self.weights)",
            "the shadow does not wait for shift",
        ),
        Defect(
            PE_WS,
            "m.d.sync += weight.eq(shadow)",
            "m.d.sync += weight.eq(self.weights)",
            "the weight in use is the next element's",
        ),
        Defect(
            PE_WS,
            "product = (acts if pipeline == 2 else self.acts) * weight",
            "product = self.acts * weight",
            "the operand register is missing with pipeline 2",
        ),
        Defect(
            PE_WS,
            "(acts if pipeline == 2 else self.acts) * weight",
            "(acts if pipeline == 2 else self.acts).as_signed() * weight",
            "unsigned activations are taken for signed ones",
        ),
        Defect(
            PE_WS,
            "            self.swap_o.eq(self.swap),\n",
            "            self.swap_o.eq(self.swap & ~self.shift),\n",
            "a swap while the next weight moves is not passed on",
        ),
    ],
    "pe_os": [
        Defect(
            PE_OS,
            "self.first_o.eq(self.first)",
            "self.first_o.eq(self.first & ~self.done)",
            "a sum that begins as another ends does not begin anew further on",
        ),
        Defect(
            PE_OS,
            "self.sums.eq(Mux(self.done, acc, 0))",
            "self.sums.eq(acc)",
            "the sum is put out at any time",
        ),
        Defect(
            PE_OS,
            "m.d.sync += acc.eq(saturated(m, total, width))",
            "m.d.sync += acc.eq(saturated(m, total, width - 1))",
            "the sum saturates at half of its range",
        ),
        Defect(
            PE_OS,
            "total = Signal(signed(width + 1))",
            "total = Signal(signed(width))",
            "the sum wraps before it can saturate",
        ),
        Defect(
            PE_OS,
            "product = acts * weights if pipeline == 2",
            "product = acts * self.weights if pipeline == 2",
            "one operand is a cycle ahead of the other with pipeline 2",
        ),
    ],
    "mesh_ws": [
        Defect(
            GRID,
            "value = entering[start * width : (start + count) * width]",
            "value = entering[-(start + count) * width :][: count * width]",
            "the lanes enter in the wrong order",
        ),
        Defect(
            MESH_WS,
            "Const(0, len(Value.cast(self.psums)))",
            "Const(1, len(Value.cast(self.psums)))",
            "the sums of column 0 do not begin with zero",
        ),
        Defect(
            GRID,
            'value = Value.cast(getattr(cell, f"{port}_o"))',
            'value = Value.cast(getattr(cell, f"{port}_o" if port != "swap" else port))',
            "the swap reaches all columns at once",
        ),
        Defect(
            GRID,
            "return [(start, min(size, total - start)) for start in range(0, total, size)]",
            "return [(start, min(size, total - start)) for start in range(0, total, size)][::-1]",
            "rows and columns are connected from the far side",
        ),
        Defect(
            MESH_WS,
            'across={"acts": grid.acts, "shift": grid.shift, "swap": grid.swap}',
            'across={"acts": grid.acts, "shift": grid.swap, "swap": grid.shift}',
            "shift and swap are confused",
        ),
    ],
    "mesh_os": [
        Defect(
            MESH_OS,
            "if self.latency > self.level:",
            "if self.latency >= self.level:",
            "the sums take a register too many where there is one row of tiles",
        ),
        Defect(
            MESH_OS,
            "for column in zip(*cells, strict=True)",
            "for column in list(zip(*cells, strict=True))[::-1]",
            "columns of tiles come out in the wrong order",
        ),
        Defect(
            MESH_OS,
            "Cat(reduce(or_, column) for column in sums)",
            "Cat(column[-1] for column in sums)",
            "only the last row of cells is heard",
        ),
        Defect(
            MESH_OS,
            "        m.d.sync += register.eq(joined)\n        m.d.comb += Value.cast(self.sums)",
            "        m.d.comb += register.eq(joined)\n        m.d.comb += Value.cast(self.sums)",
            "a tile's sums come a cycle early",
        ),
        Defect(
            MESH_OS,
            'across={"acts": grid.acts, "first": grid.first, "done": grid.done}',
            'across={"acts": grid.acts, "first": grid.first, "done": grid.first}',
            "a sum is put out when it begins",
        ),
    ],
    "skew": [
        Defect(
            SKEW,
            "m.d.sync += stage.eq(rest)",
            "m.d.sync += stage.eq(self.i[-len(rest) :])",
            "every lane is a cycle late at most",
        ),
        Defect(
            SKEW,
            "rest[-width:] if backwards else rest[:width]",
            "rest[:width] if backwards else rest[-width:]",
            "lanes leave at the wrong end",
        ),
        Defect(
            SKEW,
            "Cat(reversed(ready)) if backwards",
            "Cat(ready) if backwards",
            "the lanes of a reversed skew are out of order",
        ),
        Defect(
            SKEW,
            "ahead = groups[index + 1 :] if backwards else groups[:index]",
            "ahead = groups[:index]",
            "groups of a reversed skew are late in the wrong order",
        ),
        Defect(
            SKEW,
            "delay = Delay(width=len(word), cycles=cycles,",
            "delay = Delay(width=len(word), cycles=cycles - 1,",
            "the second group is a cycle early",
        ),
    ],
    "delay": [
        Defect(
            DELAY,
            "self.o.eq(line[-width:])",
            "self.o.eq(line[:width])",
            "one cycle whatever is asked for",
        ),
        Defect(
            DELAY,
            "self.o.eq(line[-width:])",
            "self.o.eq(line[-width - 1 : -1])",
            "a bit of the word behind slips in",
        ),
        Defect(
            DELAY,
            'if self.parameters["kind"] == "flags":\n            line = Signal(width * cycles)',
            'if self.parameters["kind"] == "flags":\n'
            "            line = Signal(width * cycles, reset_less=True)",
            "flags are not reset",
        ),
        Defect(
            DELAY,
            "if cycles == 0:",
            "if cycles <= 1:",
            "a delay of one cycle is none",
        ),
        Defect(
            DELAY,
            "line = Signal(width * cycles)",
            "line = Signal(width * cycles, init=1)",
            "a flag is set after a reset",
        ),
    ],
    "loader": [
        Defect(
            LOADER,
            "step.eq(hold.held & (~self.loaded | self.take))",
            "step.eq(hold.held & ~self.loaded)",
            "a set waits a cycle after the take",
        ),
        Defect(
            LOADER,
            "step.eq(hold.held & (~self.loaded | self.take))",
            "step.eq(hold.held)",
            "a set is overwritten before it was taken",
        ),
        Defect(
            LOADER,
            "self.shift.eq(Mux(step, reached, 0))",
            "self.shift.eq(Mux(step, (1 << steps) - 1, 0))",
            "registers move that still wait for the wavefront",
        ),
        Defect(
            LOADER,
            "reached = Signal(steps, init=1)",
            "reached = Signal(steps, init=1, reset_less=True)",
            "a reset leaves a set half loaded",
        ),
        Defect(
            LOADER,
            "        with m.If(self.take):\n            m.d.sync += self.loaded",
            "        with m.If(self.take & ~step):\n            m.d.sync += self.loaded",
            "a set that is taken while the next begins stays",
        ),
    ],
    "accumulator": [
        Defect(
            ACCUMULATOR,
            "SETTLED = 4",
            "SETTLED = 3",
            "the sum of three cycles ago is not forwarded",
        ),
        Defect(
            ACCUMULATOR,
            "missed.eq(earlier.valid & (earlier.row == visits[1].row))",
            "missed.eq(earlier.row == visits[1].row)",
            "sums of visits that were none are forwarded",
        ),
        Defect(
            ACCUMULATOR,
            "for distance in reversed(unsettled):",
            "for distance in unsettled:",
            "an older sum is forwarded in place of the newest",
        ),
        Defect(
            ACCUMULATOR,
            "write.en.eq(visits[LEAD + 1].valid)",
            "write.en.eq(visits[LEAD + 1].valid & ~visits[LEAD + 1].first)",
            "the first sum of a row is not kept",
        ),
        Defect(
            ACCUMULATOR,
            "total.eq(Mux(visits[LEAD].first, 0, addend) + self.psums)",
            "total.eq(Mux(visits[LEAD - 1].first, 0, addend) + self.psums)",
            "the sum of the visit before begins anew",
        ),
    ],
    "channel": [
        Defect(
            CHANNEL,
            "        with m.If(self.shift):\n            m.d.sync += shadow.eq(self.word)",
            "        m.d.sync += shadow.eq(self.word)",
            "values do not wait for shift",
        ),
        Defect(
            CHANNEL,
            "requantize.channel.eq(shadow)",
            "requantize.channel.eq(self.word)",
            "the values in use are the next channel's",
        ),
        Defect(
            CHANNEL,
            "m.d.sync += bias.eq(shadow.bias)",
            "m.d.sync += bias.eq(self.word.bias)",
            "the bias in use is the next channel's",
        ),
        Defect(
            CHANNEL,
            "unit.shift.eq(self.shift[lane])",
            "unit.shift.eq(self.shift[0])",
            "all lanes take values at once",
        ),
        Defect(
            CHANNEL,
            "start, word = unit.start_o, unit.word_o",
            "word = unit.word_o",
            "all lanes begin a run at once",
        ),
    ],
    "results": [
        Defect(
            RESULTS,
            "self.room.eq(self.room - self.reserve + left)",
            "self.room.eq(self.room - self.reserve + self.results.valid)",
            "room is given back while a word waits",
        ),
        Defect(
            RESULTS,
            "cycles, flag = output_latency(output) - 1, self.valid",
            "cycles, flag = output_latency(output), self.valid",
            "words are queued a cycle late",
        ),
        Defect(
            RESULTS,
            "spacing.eq(interval - 1)",
            "spacing.eq(max(interval - 2, 0))",
            "a run may begin while the values before it are still needed",
        ),
        Defect(
            RESULTS,
            "ARRIVAL = 3",
            "ARRIVAL = 0",
            "a run may begin before its last values can be there",
        ),
        Defect(
            RESULTS,
            "queue.o.ready.eq(left)",
            "queue.o.ready.eq(self.results.ready)",
            "an early bank gives a word that the last has not yet",
        ),
    ],
    "control_ws": [
        Defect(
            CONTROL_WS,
            "pause.eq(missing - tile.length)",
            "pause.eq(missing - tile.length - 1)",
            "a short tile's rows are visited again a cycle too early",
        ),
        Defect(
            CONTROL_WS,
            "(self.room & (self.may_launch | ~at_start))",
            "(self.room & self.may_launch)",
            "every row of a run waits for the next run's values",
        ),
        Defect(
            CONTROL_WS,
            "(~tile.last | (self.room",
            "((~tile.last & ~tile.first) | (self.room",
            "the first tile of several waits for room that it does not need",
        ),
        Defect(
            CONTROL_WS,
            "self.visit.first.eq(tile.first)",
            "self.visit.first.eq(tile.first & at_start)",
            "only a run's first row begins anew",
        ),
        Defect(
            CONTROL_WS,
            'row = Signal(index_shape(self.parameters["depth"]))',
            'row = Signal(index_shape(self.parameters["depth"]), reset_less=True)',
            "a reset leaves a tile half done",
        ),
    ],
    "control_os": [
        Defect(
            CONTROL_OS,
            "(self.room > tile.height)",
            "(self.room >= tile.height)",
            "a tile ends with a place less than its rows",
        ),
        Defect(
            CONTROL_OS,
            "spacing.eq(rows - 1)",
            "spacing.eq(max(rows - 2, 0))",
            "tiles end a cycle too close",
        ),
        Defect(
            CONTROL_OS,
            "left.eq(tile.height)",
            "left.eq(rows - 1)",
            "rows are emitted that the tile does not have",
        ),
        Defect(
            CONTROL_OS,
            "self.reserve.eq(Mux(self.launch, tile.height + 1, 0))",
            "self.reserve.eq(Mux(self.emit, 1, 0))",
            "places are reserved one by one, when it is too late",
        ),
        Defect(
            CONTROL_OS,
            "self.first.eq(self.step & (term == 0))",
            "self.first.eq(self.step & (term == 0) & ~self.launch)",
            "a tile of one term is added to the one before",
        ),
    ],
    "gemm_ws": [
        Defect(
            GEMM_WS,
            "self.revisit = min(rows, 4)",
            "self.revisit = 4",
            "an array of few rows waits for its accumulators, beyond the cycle bound",
        ),
        Defect(
            GEMM_WS,
            "width=1, cycles=self.array_latency + 1)",
            "width=1, cycles=self.array_latency)",
            "results are taken a cycle too early",
        ),
        Defect(
            GEMM_WS,
            'if given["pipeline"] < 2:',
            'if given["pipeline"] < 1:',
            "with one pipeline register activations meet the weights of the tile before",
        ),
        Defect(
            GEMM_WS,
            'depth=given["acc_depth"], revisit=self.revisit)',
            'depth=given["acc_depth"], revisit=1)',
            "rows that were late are visited again too soon",
        ),
        Defect(
            GEMM_WS,
            "control.room.eq(out.room != 0)",
            "control.room.eq(1)",
            "results that are not taken are overrun",
        ),
    ],
    "gemm_os": [
        Defect(
            GEMM_OS,
            'skew.i.eq(Mux(control.step, hold.word, 0) if name == "acts" else hold.word)',
            "skew.i.eq(hold.word)",
            "a pair of operands that waits is added every cycle",
        ),
        Defect(
            GEMM_OS,
            "first = Delay(width=1, cycles=pipeline)",
            "first = Delay(width=1, cycles=pipeline + 1)",
            "the first product is added to the sum before",
        ),
        Defect(
            GEMM_OS,
            "done = Delay(width=1, cycles=pipeline + 1)",
            "done = Delay(width=1, cycles=pipeline + 2)",
            "a sum leaves with the first product of the next",
        ),
        Defect(
            GEMM_OS,
            'mesh.done.eq(wave(m, "done", done.o, rows))',
            "mesh.done.eq(done.o.replicate(rows))",
            "all rows put their sums out at once",
        ),
        Defect(
            GEMM_OS,
            "depth = 2 * rows + cols + output_latency(output) + mesh.latency + pipeline + 6",
            "depth = rows + 1",
            "the result queue cannot cover the way of a result: a tile waits for the one before",
        ),
    ],
}


def find(unit: str) -> Path:
    """The pytest file of a unit, which has its cases."""
    (path,) = (ROOT / "tests").glob(f"*/test_{unit}.py")
    return path


def broken(defect: Defect, text: str) -> str:
    """The file's text with the defect."""
    if text.count(defect.old) != 1:
        raise ValueError(f"{defect.file}: {defect.old!r} occurs {text.count(defect.old)} times")
    return text.replace(defect.old, defect.new)


def attempt(unit: str, defect: Defect) -> dict:
    """Break a copy of the package and run the unit's bench on it.

    Returns
    -------
    dict
        ``caught``, the test that failed, or none; ``error``, if nothing could be tested; and
        ``seconds``.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="brickwork-defect-") as folder:
        package = Path(folder) / "brickwork"
        for part in ("hdl", "gen", "sim"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, package / part, ignore=ignored)
        path = package / defect.file
        try:
            path.write_text(broken(defect, path.read_text("utf-8")), "utf-8")
        except ValueError as error:
            return {"error": str(error), "seconds": 0.0}
        # Builds that nobody will want again; the runtime, the same for all, is shared.
        from brickwork.sim import cache

        scratch = Path(folder) / "cache"
        scratch.mkdir()
        runtime = cache.folder() / "runtime"
        runtime.mkdir(parents=True, exist_ok=True)
        (scratch / "runtime").symlink_to(runtime)
        env = os.environ | {"PYTHONPATH": folder, "BRICKWORK_CACHE": str(scratch)}
        done = subprocess.run(
            [sys.executable, __file__, "--run", folder, unit],
            env=env,
            capture_output=True,
            text=True,
            cwd=folder,
        )
        try:
            found = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            found = {"error": (done.stderr.strip() or "no output").splitlines()[-1]}
    return found | {"seconds": time.monotonic() - start}


def run_cases(folder: str, unit: str) -> dict:
    """Run the unit's bench on its cases until one fails; this is the child's part."""
    from brickwork.gen.emit import emit_unit
    from brickwork.sim.simulate import simulate

    cases = runpy.run_path(str(find(unit)))["CASES"]
    for name, (kind, parameters) in cases.items():
        source = Path(sys.modules[kind.__module__].__file__)
        assert source.is_relative_to(folder), f"{source} is not the copy"
        place = Path(folder) / "out" / re.sub(r"\W", "_", name)
        manifest = emit_unit(kind(**parameters), place).manifest
        bench = kind.__module__.replace(".hdl.", ".sim.tb.")
        outcome = simulate(manifest, bench, workdir=place, timeout_s=120)
        failed = [test for test in outcome.tests if not test.ok]
        if failed:
            function, slash, values = failed[0].name.partition("/")
            return {"caught": f"{function.rpartition('.')[2]}{slash}{values} on {name}"}
        if not outcome.passed:
            return {"error": outcome.reason}
    return {"caught": ""}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("units", metavar="UNIT", nargs="*", help="default: all units")
    parser.add_argument("--run", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.run:
        print(json.dumps(run_cases(options.run, options.units[0])))
        return 0
    if unknown := [unit for unit in options.units if unit not in DEFECTS]:
        parser.error(f"Unit must be one of {', '.join(DEFECTS)}, not {unknown[0]!r}")
    jobs = [(unit, defect) for unit in options.units or DEFECTS for defect in DEFECTS[unit]]
    survived = 0
    with ThreadPoolExecutor(2) as pool:
        for (unit, defect), found in zip(
            jobs, pool.map(lambda job: attempt(*job), jobs), strict=True
        ):
            state = found.get("caught") or f"NOT CAUGHT: {found.get('error', 'every test passed')}"
            survived += not found.get("caught")
            seconds = f"{found['seconds']:.1f} s"
            print(unit, defect.what, state, seconds, sep="\t", flush=True)
    print(f"{len(jobs) - survived} of {len(jobs)} defects were caught")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
