"""``brickwork demo``: handwritten digits, classified by the designs in simulation."""

import json
import time
from pathlib import Path

import numpy as np

from ...sim.designs._gemm import Channels
from ...sim.designs._product import multiply
from ...sim.golden.quantize import QuantizedLinear
from ..designs import registry
from ..emission.emit import emit
from ..lib.errors import Failed
from ..lib.files import alone, check_folder, how_to_open
from ..lib.progress import progress
from ..workloads import digits

__all__ = ["demo"]

_FORMAT = "uint8"  # pixels, activations and logits alike, so that one netlist serves all layers
_DESIGNS = ("gemm_ws", "gemm_os")
_SETTINGS = {"rows": 16, "cols": 16, "output": "scale"}


def demo(options) -> int:
    start = time.monotonic()
    out = check_folder(options.out)
    network = digits.train()
    layers = digits.quantize(network, _FORMAT, out_format=_FORMAT)
    images = layers[0].input.encode(network.test_images)
    kinds = [registry.design(name) for name in _DESIGNS]
    with progress(total=len(kinds) * len(layers)) as bar:
        found = [_infer(kind, layers, images, out, options.waves, bar) for kind in kinds]
    for result in found:
        result["accuracy"] = network.score(result.pop("logits"))
    report = {
        "images": len(images),
        "float_accuracy": network.accuracy,
        "designs": found,
        "seconds": round(time.monotonic() - start, 3),
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _show(report)
    _judge(report)
    return 0


def _infer(kind, layers, images, out, waves, bar):
    """Runs every image through every layer of one design."""
    parameters = kind(**_SETTINGS | _formats(layers))
    emission = emit(parameters, out)
    folder = out / "demo" / emission.folder.name
    measured = []
    codes = images
    with alone(folder):
        for number, layer in enumerate(layers, 1):
            bar.set_description_str(f"{kind.design()}, layer {number}")
            place = folder / f"layer_{number}"
            product = multiply(
                emission.manifest,
                codes,
                layer.weights,
                _channels(layer),
                workdir=place,
                waves=waves,
            )
            equal = product.matches_golden and np.array_equal(product.y, layer.forward(codes))
            traced = product.waves
            measured.append(
                {
                    "layer": number,
                    "m": len(codes),
                    "k": len(layer.weights),
                    "n": layer.weights.shape[1],
                    "cycles": product.cycles,
                    "macs": product.macs,
                    "macs_per_cycle": product.macs / product.cycles,
                    "utilization": product.utilization,
                    "matches_golden": bool(equal),
                    "waves": traced and str(place / traced.name),
                }
            )
            codes = product.y
            bar.update()
    return {
        "design": kind.design(),
        "digest": emission.digest,
        "parameters": parameters.as_dict(),
        "verilog": str(emission.verilog),
        "manifest": str(emission.manifest),
        "layers": measured,
        "logits": codes,
    }


def _formats(layers):
    """The formats that all layers share."""
    found = {(layer.a_format.name, layer.w_format.name, layer.out_format.name) for layer in layers}
    if len(found) != 1:
        raise ValueError(f"Layers must have the same formats, not {sorted(found)}")
    return dict(zip(("a_format", "w_format", "out_format"), found.pop(), strict=True))


def _channels(layer: QuantizedLinear) -> Channels:
    same = np.ones_like(layer.bias)
    return Channels(
        bias=layer.bias,  # the zero point of the inputs is folded in
        multiplier=layer.multiplier,
        shift=layer.shift,
        zero_point=same * layer.zero_point_out,
        low=same * layer.low,
        high=same * layer.high,
    )


def _show(report):
    row = "{:10}{:>6}{:>13}{:>9}{:>12}{:>13}{:>15}".format
    print(f"{report['images']} images of handwritten digits through 3 layers, uint8 × int8\n")
    print(row("design", "layer", "M×K×N", "cycles", "MACs/cycle", "utilization", "equals golden"))
    for design in report["designs"]:
        for layer in design["layers"]:
            print(
                row(
                    design["design"],
                    layer["layer"],
                    f"{layer['m']}×{layer['k']}×{layer['n']}",
                    layer["cycles"],
                    f"{layer['macs_per_cycle']:.1f}",
                    f"{layer['utilization']:.1%}",
                    "yes" if layer["matches_golden"] else "no",
                )
            )
    print(f"\naccuracy in floats      {report['float_accuracy']:.2%}")
    for design in report["designs"]:
        points = 100 * (design["accuracy"] - report["float_accuracy"])
        print(
            f"accuracy on {design['design']:12}{design['accuracy']:.2%}   {points:+.2f} points",
        )
    print()
    for design in report["designs"]:
        for what in ("verilog", "manifest"):
            print(f"{design['design']:10}{what:10}{design[what]}")
        for layer in design["layers"]:
            if layer["waves"]:
                print(f"{design['design']:10}{'waves':10}{layer['waves']}")
    first = report["designs"][0]["layers"][0]["waves"]
    if first:
        print(f"open waves with {how_to_open(Path(first))}")
    else:
        print("waves: none recorded; brickwork demo --waves records them")
    print(f"\n{report['seconds']:.1f} s")


def _judge(report):
    for design in report["designs"]:
        wrong = [layer["layer"] for layer in design["layers"] if not layer["matches_golden"]]
        if wrong:
            layers = ", ".join(map(str, wrong))
            raise Failed(f"{design['design']} differs from the golden model in layer {layers}")
        if abs(design["accuracy"] - report["float_accuracy"]) > 0.01:
            raise Failed(
                f"Accuracy of {design['design']} must be within 1 point of "
                f"{report['float_accuracy']:.2%}, not {design['accuracy']:.2%}"
            )
