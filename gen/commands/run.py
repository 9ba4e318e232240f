"""``brickwork run``: a product of the user's matrices on a simulated design."""

import json
from pathlib import Path

from ...sim.designs._gemm import tiling
from ...sim.designs._product import multiply
from ...sim.golden.engine import product as golden_product
from ...sim.manifest import Manifest
from ...sim.verilator.core import SimulationError
from ..designs import _eie_run, _gemm_output, registry
from ..emission.emit import emit
from ..lib.errors import Failed, Refused
from ..lib.files import alone, check_folder, how_to_open, write_array
from ..lib.messages import again, difference, errors
from ..lib.progress import progress

__all__ = ["run"]


def run(options) -> int:
    if options.design == "eie":
        return _eie_run.run(options)
    _eie_run.check_none(options)
    settings = _gemm_output.choose_output(options)
    parameters = registry.parameters_from_text(options.design, settings)
    acc_width = parameters.unit().derived["acc_width"]
    found, modes, channels = _gemm_output.product(options, parameters, acc_width)
    a, w = found.a.codes, found.w.codes
    if options.real_out and not (found.real and parameters.output == "raw"):
        raise Refused("Real results need raw sums and operands with a scale: floats, or quantized")

    # All is checked before anything is written, or hours are spent.
    out, real_out = (path and Path(path) for path in (options.out, options.real_out))
    for path in (out, real_out):
        if path and path.is_dir():
            raise Refused(f"Results must be written to a file, not to the folder {str(path)!r}")
        if path:
            check_folder(path.parent)
    workdir = check_folder(options.workdir)

    emission = emit(parameters, workdir)
    facts = Manifest.read(emission.manifest)
    folder = workdir / "run" / emission.folder.name
    bound = tiling(facts, *a.shape, w.shape[1], **modes).cycle_bound
    with alone(folder), progress(total=1, what=f"simulating, some {bound:,} cycles"):
        try:
            product = multiply(
                emission.manifest,
                a,
                w,
                channels,
                **modes,
                workdir=folder,
                stall_in=options.stall_in,
                stall_out=options.stall_out,
                seed=options.seed,
                limit=options.max_cycles,
                waves=options.waves,
            )
        except SimulationError as error:
            raise Failed(f"{error}; reproduce with: {again(options)}") from None
        waves = product.waves
    real = found.dequantized(product.y) if found.real and parameters.output == "raw" else None
    if product.matches_golden:
        for path, values in ((out, product.y), (real_out, real)):
            if path:
                write_array(path, values)
    _show(options, parameters, emission, product, found, real, waves)
    if not product.matches_golden:
        what = difference(product.y, golden_product(facts, a, w, channels, **modes))
        wrong = folder / "wrong.npy"
        write_array(wrong, product.y)
        raise Failed(f"{what} (all results: {wrong}); reproduce with: {again(options)}")
    stalled = options.stall_in or options.stall_out
    if not stalled and product.cycles > product.cycle_bound:
        raise Failed(
            f"{product.cycles} cycles are more than the bound {product.cycle_bound}; "
            f"reproduce with: {again(options)}"
        )
    return 0


def _show(options, parameters, emission, product, found, real, waves):
    shape = (*found.a.codes.shape, found.w.codes.shape[1])
    off = {} if real is None else errors(real, found.expected())
    flagged = None if product.special is None else int(product.special.sum())
    if options.json:
        facts = {
            "design": parameters.design(),
            "digest": emission.digest,
            "parameters": parameters.as_dict(),
            **{name: getattr(product, name) for name in _MEASURES},
            "seconds": round(product.seconds, 3),
            "matches_golden": product.matches_golden,
            "a_type": found.a.type,
            "w_type": found.w.type,
            "padded": found.padded,
            "special": flagged,
            "errors": off or None,
            "waves": waves and str(waves),
            "verilog": str(emission.verilog),
            "manifest": str(emission.manifest),
            "out": options.out if product.matches_golden else None,
            "real_out": options.real_out if product.matches_golden else None,
        }
        print(json.dumps(facts, indent=2))
        return
    rows = {
        "design": f"{parameters.design()} {parameters.rows}×{parameters.cols}",
        "M×K×N": "×".join(map(str, shape))
        + (" (a zero added to K, for its pairs)" if found.padded else ""),
        "formats": f"{found.a.type} × {found.w.type}",
        "cycles": f"{product.cycles} (bound {product.cycle_bound} = {product.formula})",
        "MACs": f"{product.macs} ({product.macs / product.cycles:.2f} per cycle)",
        "utilization": f"{product.utilization:.1%} ({product.ideal_cycles} ideal cycles)",
        "equals golden": "yes" if product.matches_golden else "no",
        "special": None if flagged is None else f"{flagged} results may depend on NaN or infinity",
        "error": off
        and f"{off['relative']:.3%} of the product in floats (root of the sum of squares), "
        f"at most {off['largest']:.4g}",
        "seconds": f"{product.seconds:.1f}",
        "results": options.out if product.matches_golden else None,
        "real results": options.real_out if product.matches_golden else None,
        "waves": waves and f"{waves} (open with {how_to_open(waves)})",
        "Verilog": emission.verilog,
        "manifest": emission.manifest,
    }
    for name, value in rows.items():
        if value is not None and value != {}:
            print(f"{name:15}{value}")


_MEASURES = ("cycles", "macs", "ideal_cycles", "utilization", "cycle_bound", "formula")
