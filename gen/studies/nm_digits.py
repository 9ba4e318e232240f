"""The digits network pruned to N:M patterns, every test image through every layer in RTL."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...sim.golden.sparse.nm import DENSE, Pattern
from ..designs.gemm_nm import GemmNm
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit
from ..lib.progress import progress
from ..lib.pruning import prune_pattern
from ..workloads import digits
from . import eie_network, networks
from .study import Study

__all__ = ["PATTERNS", "STUDY", "measure", "prune"]

#: Each network is pruned from the one before.
PATTERNS = ("2:4", "1:4")

NOTES = """\
pruned, tuned: accuracy in floats before and after the remaining weights were trained again, on the
training images alone. accuracy: of all {images} test images on the array, in 8 bits with a scale
for each channel of weights; every sum matches the golden model. The dense network has
{float_accuracy:.2%} in floats. speed-up: over the dense network on gemm_ws; K of the last layer is
32, of which a tile of 1:4 has 64 on 16 rows."""


def prune(
    network: digits.Network, patterns: Sequence[str]
) -> Iterator[tuple[str, digits.Network, float]]:
    """Pattern, network, and its accuracy before it was tuned, for each pattern in turn."""
    for text in patterns:
        pattern = Pattern.parse(text)
        weights = tuple(prune_pattern(matrix, pattern) for matrix in network.weights)
        pruned = dataclasses.replace(network, weights=weights)
        network = eie_network.tune(pruned, [matrix != 0 for matrix in weights])
        yield text, network, pruned.accuracy


def measure(out: Path, size: int = 16, patterns: Sequence[str] = PATTERNS) -> Iterator[dict]:
    """A record for each network on each array of ``size`` × ``size`` PEs that runs it."""
    dense = digits.train()
    nets = {str(DENSE): (dense, dense.accuracy)}
    nets |= {text: (network, before) for text, network, before in prune(dense, patterns)}
    settings = {"rows": size, "cols": size, "max_k": 64} | networks.SCHEMES["int8"].settings
    runs = [("gemm_ws", GemmWs(**settings), str(DENSE))]
    for text in patterns:
        rows, lanes = Pattern.parse(text)
        core = GemmNm(**settings, group_rows=rows, group_lanes=lanes)
        runs += [(f"gemm_nm, {text}", core, each) for each in (str(DENSE), text)]
    reference = None
    with progress(total=len(runs), label="nm_digits") as bar:
        for array, core, pattern in runs:
            network, before = nets[pattern]
            record = _measured(out, core, network, pattern)
            reference = reference or record["cycles"]
            yield {
                "array": array,
                "weights": pattern,
                "float_accuracy": dense.accuracy,
                "pruned_accuracy": before,
                "tuned_accuracy": network.accuracy,
                **record,
                "speed_up": round(reference / record["cycles"], 3),
            }
            bar.update()


def _measured(out, core, network, pattern):
    emission = emit(core, out)
    layers = networks.quantize(network, networks.SCHEMES["int8"])
    modes = {"pattern": pattern} if "pattern" in core.MODES else {}
    measured, product = networks.on_rtl(emission, lambda layer: modes)
    logits = networks.infer(layers, network.test_images, product)
    golden = networks.infer(layers, network.test_images, networks.golden)
    return {
        "digest": emission.digest,
        "images": len(network.test_images),
        "nonzero_weights": sum(int(np.count_nonzero(layer.weights)) for layer in layers),
        "accuracy": network.score(logits),
        "cycles": sum(layer["cycles"] for layer in measured),
        "exact": all(layer["exact"] for layer in measured) and np.array_equal(logits, golden),
    }


def _report(records):
    percent = ("pruned_accuracy", "tuned_accuracy", "accuracy")
    yield [
        {
            "array": record["array"],
            "weights": record["weights"],
            "not zero": record["nonzero_weights"],
            **{name.removesuffix("_accuracy"): f"{record[name]:.2%}" for name in percent},
            "cycles": record["cycles"],
            "speed-up": record["speed_up"],
            "exact": record["exact"],
        }
        for record in records
    ]
    yield NOTES.format(**records[0])


STUDY = Study(measure=measure, report=_report)
