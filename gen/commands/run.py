"""``brickwork run``: a product of the user's matrices on a simulated design."""

from ..lib import colour
from ..lib.errors import CheckFailed, UsageError
from ..lib.messages import print_json
from .arguments import (
    add_design,
    add_json,
    add_out,
    add_product,
    add_simulation,
    array_file,
    integer,
    path,
    read_operands,
)

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "multiply matrices, or run a program, on a simulated design; compare with golden"
EXAMPLE = "brickwork run gemm_ws --a A.npy --w W.npy --bias B.npy --scale S.npy --mode relu=1"


def arguments(parser):
    add_design(parser)
    add_product(
        parser,
        required=False,
        type=path("Results"),
        help="file for the results, int64, or float32 of a core with float results, M × N, .npy; "
        "of a program for its segments of DRAM, .npz",
    )
    parser.add_argument(
        "--real-out",
        metavar="Y.npy",
        type=array_file("Real results", ".npy"),
        help="file for raw results times their scales, float64, .npy",
    )
    add_simulation(parser)
    for side, stream in (("in", "operands"), ("out", "results")):
        parser.add_argument(
            f"--stall-{side}",
            metavar="PCT",
            type=integer(f"Stall percentage of {stream}", 0, 99),
            default=0,
            help=f"percentage of cycles in which the host stalls {stream} (default: 0)",
        )
    parser.add_argument(
        "--max-cycles",
        metavar="N",
        type=integer("Cycle limit", 1),
        default=0,
        help="fail after N cycles (default: several times the worst case)",
    )
    add_out(parser, "--workdir")
    add_json(parser)


def main(options) -> int:
    from ...sim.verilator import toolchain
    from ...sim.verilator.core import SimulationError
    from ..api.product import run
    from ..designs import registry
    from ..designs.base import MatrixDesign
    from ..lib.arrays import write_array
    from ..lib.files import check_files, check_folder, report_apart
    from ..lib.messages import difference, reproduce_command

    if not issubclass(registry.design(options.design), MatrixDesign):
        return _run_program(options)
    if missing := [f"--{side}" for side in "aw" if getattr(options, side) is None]:
        raise UsageError(
            f"the following arguments are required: {', '.join(missing)} (see brickwork run --help)"
        )
    if options.out:
        array_file("Results", ".npy")(options.out)
    design = registry.matrix_design(options.design)
    operands = read_operands(options, design)
    parameters = design.fit(registry.settings_from_text(design, options.settings), operands)
    # All is checked before anything is written, or hours are spent.
    task = parameters.task(operands)
    if options.real_out and not task.is_real:
        raise UsageError(
            "Real results need raw sums and operands with a scale: floats, or quantized"
        )
    out, real_out = check_files({"Results": options.out, "Real results": options.real_out})
    toolchain.check_simulation()
    workdir = check_folder(options.workdir)
    reproduce = f"reproduce with: {reproduce_command(options)}"
    try:
        product = run(
            parameters,
            operands,
            workdir=workdir,
            stall_in=options.stall_in,
            stall_out=options.stall_out,
            seed=options.seed,
            limit=options.max_cycles,
            waves=options.waves,
        )
    except SimulationError as error:
        raise CheckFailed(f"{error}; {reproduce}") from None
    matches = product.matches_golden
    if matches:
        for path, values in ((out, product.y), (real_out, product.real)):
            if path:
                write_array(path, values)
    with report_apart(out, real_out):
        _show(options, product, {"out": out, "real_out": real_out} if matches else {})
    if not matches:
        wrong = workdir / "run" / product.emission.folder.name / "wrong.npy"
        write_array(wrong, product.y)
        raise CheckFailed(
            f"{difference(product.y, product.expected)} (all results: {wrong}); {reproduce}"
        )
    result = product.result
    total = result.fill_cycles + result.cycles
    if not (options.stall_in or options.stall_out) and total > result.cycle_bound:
        raise CheckFailed(
            f"{total} cycles are more than the worst case {result.cycle_bound}; {reproduce}"
        )
    return 0


def _show(options, product, written):
    from ...sim.verilator.waves import how_to_open

    paths = {name: written.get(name) and str(written[name]) for name in ("out", "real_out")}
    if options.json:
        print_json(product.record() | paths)
        return
    print(product.text(colour.verdict))
    waves = product.result.waves
    rows = {
        "results": paths["out"],
        "real results": paths["real_out"],
        "waves": waves,
        **(how_to_open(waves) if waves else {}),
        "Verilog": product.emission.verilog,
        "manifest": product.emission.manifest,
    }
    for label, value in rows.items():
        if value:
            print(f"{label:15}{value}")


def _run_program(options):
    """A program in place of matrices."""
    from ...sim.verilator import toolchain
    from ...sim.verilator.core import SimulationError
    from ..api.program import run_program
    from ..designs import registry
    from ..lib.arrays import read_arrays, write_arrays
    from ..lib.files import check_files, check_folder, report_apart
    from ..lib.messages import reproduce_command

    parameters = registry.parameters_from_text(options.design, options.settings)
    if options.program is None:
        raise UsageError(f"Program of {options.design} must be given: use --program FILE")
    if options.out:
        array_file("Results", ".npz")(options.out)
    (out,) = check_files({"Results": options.out})
    memory = read_arrays(options.memory, "Memory") if options.memory else {}
    toolchain.check_simulation()
    workdir = check_folder(options.workdir)
    reproduce = f"reproduce with: {reproduce_command(options)}"
    try:
        run = run_program(
            parameters,
            options.program,
            memory,
            workdir=workdir,
            pauses=max(options.stall_in, options.stall_out),
            latency=options.latency,
            seed=options.seed,
            limit=options.max_cycles,
        )
    except SimulationError as error:
        raise CheckFailed(f"{error}; {reproduce}") from None
    if out and not run.difference:
        write_arrays(out, run.segments)
    with report_apart(out):
        if options.json:
            print_json(run.record() | {"out": out and str(out)})
        else:
            print(run.text(colour.verdict))
            rows = {"results": out, "Verilog": run.emission.verilog}
            for label, value in (rows | {"manifest": run.emission.manifest}).items():
                if value:
                    print(f"{label:15}{value}")
    if run.difference:
        raise CheckFailed(f"{run.difference}; {reproduce}")
    return 0
