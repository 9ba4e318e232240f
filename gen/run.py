"""``brickwork run``: a product of the user's matrices on a simulated design."""

import json
import shlex
from pathlib import Path

import numpy as np

from ..sim.core import SimulationError
from ..sim.golden.engine import engine
from ..sim.product import multiply
from ..sim.tiling import tiling
from . import catalogue, operands
from .emit import emit
from .errors import Failed, Refused
from .files import alone, check_folder, how_to_open, write_array
from .progress import progress

__all__ = ["run"]


def run(options) -> int:
    settings = operands.choose_output(options)
    parameters = catalogue.parameters_from_text(options.design, settings)
    operands.check_output(options, parameters.output)
    acc_width = parameters.unit().derived["acc_width"]
    a, w = operands.matrices(options, parameters)
    channels = operands.output_values(options, parameters, w, acc_width)

    # All is checked before anything is written, or hours are spent.
    out = options.out and Path(options.out)
    if out and out.is_dir():
        raise Refused(f"Results must be written to a file, not to the folder {str(out)!r}")
    if out:
        check_folder(out.parent)
    workdir = check_folder(options.workdir)

    emission = emit(parameters, workdir)
    facts = json.loads(emission.manifest.read_text("utf-8"))
    folder = workdir / "run" / emission.folder.name
    bound = tiling(facts, *a.shape, w.shape[1]).cycle_bound
    with alone(folder), progress(total=1, what=f"simulating, some {bound:,} cycles"):
        try:
            product = multiply(
                emission.manifest,
                a,
                w,
                channels,
                workdir=folder,
                stall_in=options.stall_in,
                stall_out=options.stall_out,
                seed=options.seed,
                limit=options.max_cycles,
                waves=options.waves,
            )
        except SimulationError as error:
            raise Failed(f"{error}; reproduce with: {_again(options)}") from None
        waves = product.waves
    if out and product.matches_golden:
        write_array(out, product.y)
    _show(options, parameters, emission, product, (*a.shape, w.shape[1]), waves)
    if not product.matches_golden:
        difference = _difference(product.y, engine(facts, a, w, channels))
        wrong = folder / "wrong.npy"
        write_array(wrong, product.y)
        raise Failed(f"{difference} (all results: {wrong}); reproduce with: {_again(options)}")
    stalled = options.stall_in or options.stall_out
    if not stalled and product.cycles > product.cycle_bound:
        raise Failed(
            f"{product.cycles} cycles are more than the bound {product.cycle_bound}; "
            f"reproduce with: {_again(options)}"
        )
    return 0


def _show(options, parameters, emission, product, shape, waves):
    if options.json:
        facts = {
            "design": parameters.design(),
            "digest": emission.digest,
            "parameters": parameters.as_dict(),
            **{name: getattr(product, name) for name in _MEASURES},
            "seconds": round(product.seconds, 3),
            "matches_golden": product.matches_golden,
            "waves": waves and str(waves),
            "verilog": str(emission.verilog),
            "manifest": str(emission.manifest),
            "out": options.out if product.matches_golden else None,
        }
        print(json.dumps(facts, indent=2))
        return
    rows = {
        "design": f"{parameters.design()} {parameters.rows}×{parameters.cols}",
        "M×K×N": "×".join(map(str, shape)),
        "cycles": f"{product.cycles} (bound {product.cycle_bound} = {product.formula})",
        "MACs": f"{product.macs} ({product.macs / product.cycles:.2f} per cycle)",
        "utilization": f"{product.utilization:.1%} ({product.ideal_cycles} ideal cycles)",
        "equals golden": "yes" if product.matches_golden else "no",
        "seconds": f"{product.seconds:.1f}",
        "results": options.out if product.matches_golden else None,
        "waves": waves and f"{waves} (open with {how_to_open(waves)})",
        "Verilog": emission.verilog,
        "manifest": emission.manifest,
    }
    for name, value in rows.items():
        if value is not None:
            print(f"{name:15}{value}")


_MEASURES = ("cycles", "macs", "ideal_cycles", "utilization", "cycle_bound", "formula")


def _difference(y, expected):
    wrong = y != expected
    first = np.unravel_index(int(wrong.argmax()), wrong.shape)
    count = int(wrong.sum())
    where = ", ".join(map(str, first))
    return (
        f"{count} of {wrong.size} results {'differs' if count == 1 else 'differ'} from the golden "
        f"model, the first Y[{where}] = {y[first]}, not {expected[first]}"
    )


def _again(options):
    """The same command, with waves."""
    more = [] if options.waves else ["--waves"]
    if not any(argument.startswith("--seed") for argument in options.argv):
        more += ["--seed", str(options.seed)]
    return shlex.join(["brickwork", *options.argv, *more])
