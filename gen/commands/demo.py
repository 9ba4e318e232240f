"""``brickwork demo``: handwritten digits, classified by the designs in simulation."""

import time
from pathlib import Path

from ..lib import colour
from ..lib.errors import CheckFailed
from ..lib.files import check_folder, exclusive_lock
from ..lib.messages import print_json
from ..lib.progress import progress
from ..lib.tables import columns
from .arguments import add_json, add_out

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "run a small neural network on the designs, every test image through every layer"
EXAMPLE = "brickwork demo --waves"

_FORMAT = "uint8"  # pixels, activations and logits alike, so that one netlist serves all layers
_SETTINGS = {"rows": 16, "cols": 16, "output": "scale"}


def arguments(parser):
    add_json(parser)
    parser.add_argument("--waves", action="store_true", help="record waveforms")
    add_out(parser)


def main(options) -> int:
    from ...sim.verilator import toolchain
    from ..designs import registry
    from ..workloads import digits

    start = time.monotonic()
    toolchain.check_simulation()
    network = digits.train()
    out = check_folder(options.out)
    layers = digits.quantize(network, _FORMAT, out_format=_FORMAT)
    images = layers[0].input.encode(network.test_images)
    designs = [design for design in registry.DESIGNS.values() if design.DEMO]
    with progress(total=len(designs) * len(layers)) as bar:
        records = [_infer(each, layers, images, out, options.waves, bar) for each in designs]
    for record in records:
        record["accuracy"] = network.score(record.pop("logits"))
    report = {
        "images": len(images),
        "float_accuracy": network.accuracy,
        "designs": records,
        "seconds": round(time.monotonic() - start, 3),
    }
    if options.json:
        print_json(report)
    else:
        _show(report)
    _check(report)
    return 0


def _infer(design, layers, images, out, waves, bar):
    """Runs every image through every layer of one design."""
    import numpy as np

    from ...sim.designs import registry as models
    from ...sim.manifest import Manifest
    from ...sim.verilator.jobs import run_job
    from ..emission.emit import emit

    parameters = design(**_SETTINGS | _formats(layers))
    emission = emit(parameters, out)
    model = models.model(Manifest.read(emission.manifest))
    folder = out / "demo" / emission.folder.name
    measured = []
    codes = images
    with exclusive_lock(folder):
        for number, layer in enumerate(layers, 1):
            bar.set_description_str(f"{design.NAME}, layer {number}")
            file = folder / f"layer_{number}" / f"{emission.verilog.stem}.fst"
            job = model.job(codes, layer.weights, _quant_params(layer))
            result = run_job(emission.manifest, job, waves=file if waves else None)
            matches = result.matches_golden and np.array_equal(result.y, layer.forward(codes))
            measured.append(
                {
                    "layer": number,
                    "m": len(codes),
                    "k": len(layer.weights),
                    "n": layer.weights.shape[1],
                    "cycles": result.cycles,
                    "macs": result.macs,
                    "macs_per_cycle": result.macs / result.cycles,
                    "utilization": result.utilization,
                    "matches_golden": bool(matches),
                    "waves": result.waves and str(result.waves),
                }
            )
            codes = result.y
            bar.update()
    return {
        "design": design.NAME,
        "digest": emission.digest,
        "parameters": parameters.as_dict(),
        "verilog": str(emission.verilog),
        "manifest": str(emission.manifest),
        "layers": measured,
        "logits": codes,
    }


def _formats(layers):
    """The formats that all layers share."""
    shared = {(layer.a_format.name, layer.w_format.name, layer.out_format.name) for layer in layers}
    if len(shared) != 1:
        raise ValueError(f"Layers must have the same formats, not {sorted(shared)}")
    return dict(zip(("a_format", "w_format", "out_format"), shared.pop(), strict=True))


def _quant_params(layer):
    import numpy as np

    from ...sim.designs._gemm import QuantParams

    ones = np.ones_like(layer.bias)
    return QuantParams(
        bias=layer.bias,  # the zero point of the inputs is folded in
        multiplier=layer.multiplier,
        shift=layer.shift,
        zero_point=ones * layer.zero_point_out,
        low=ones * layer.low,
        high=ones * layer.high,
    )


def _show(report):
    from ...sim.verilator.waves import how_to_open

    rows = [("design", "layer", "M×K×N", "cycles", "MACs/cycle", "utilization", "matches golden")]
    rows += [
        (
            design["design"],
            layer["layer"],
            f"{layer['m']}×{layer['k']}×{layer['n']}",
            layer["cycles"],
            f"{layer['macs_per_cycle']:.1f}",
            f"{layer['utilization']:.1%}",
            "yes" if layer["matches_golden"] else "no",
        )
        for design in report["designs"]
        for layer in design["layers"]
    ]
    print(f"{report['images']} images of handwritten digits through 3 layers, uint8 × int8\n")
    print("\n".join(columns(rows, right=range(1, 7), paint=colour.verdict)))
    accuracies = [("accuracy in floats", f"{report['float_accuracy']:.2%}", "")]
    for design in report["designs"]:
        points = 100 * (design["accuracy"] - report["float_accuracy"])
        accuracies.append(
            (
                f"accuracy on {design['design']}",
                f"{design['accuracy']:.2%}",
                f"{points:+.2f} points",
            )
        )
    print("\n" + "\n".join(columns(accuracies, right=(1, 2))) + "\n")
    files = [
        (design["design"], label, path)
        for design in report["designs"]
        for label, path in (
            ("verilog", design["verilog"]),
            ("manifest", design["manifest"]),
            *(("waves", layer["waves"]) for layer in design["layers"] if layer["waves"]),
        )
    ]
    print("\n".join(columns(files)))
    waves = report["designs"][0]["layers"][0]["waves"]
    if waves:
        print("open waves with", *how_to_open(Path(waves)).values(), sep="\n  ")
    else:
        print("waves: none recorded; brickwork demo --waves records them")
    print(f"\n{report['seconds']:.1f} s")


def _check(report):
    for design in report["designs"]:
        wrong = [layer["layer"] for layer in design["layers"] if not layer["matches_golden"]]
        if wrong:
            noun = "layer" if len(wrong) == 1 else "layers"
            raise CheckFailed(
                f"{design['design']} differs from the golden model in {noun} "
                f"{', '.join(map(str, wrong))}"
            )
        if abs(design["accuracy"] - report["float_accuracy"]) > 0.01:
            raise CheckFailed(
                f"Accuracy of {design['design']} must be within 1 point of "
                f"{report['float_accuracy']:.2%}, not {design['accuracy']:.2%}"
            )
