"""``brickwork pack``: the words of a job as files, for any host that there is."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from ...sim.designs._gemm import tiling
from ...sim.golden.engine import product as golden_product
from ...sim.host.axi import gemm_job, sparse_job
from ..designs import _eie_run, _gemm_output, registry
from ..emission.emit import write_whole
from ..lib.errors import Refused
from ..lib.files import check_folder, manifests_of_wrappers, write_array

__all__ = ["pack"]


def pack(options) -> int:
    manifest = _manifest(Path(options.folder))
    kind = registry.design(manifest.design)
    parameters = kind(**{item.name: manifest.parameters[item.name] for item in fields(kind)})
    options.design = manifest.design
    if manifest.design == "eie":
        job, expected, facts = _network(options, parameters, manifest)
    else:
        _eie_run.check_none(options)
        job, expected, facts = _product(options, parameters, manifest)
    described = _described(job, facts, options.address)
    folder = check_folder(options.out)
    for name in job.words:
        write_whole(folder / f"{name}.bin", job.memory(name).tobytes())
    for name, places in job.places.items():
        write_whole(folder / f"{name}.bin", np.asarray(places, "<u4").tobytes())
    write_array(folder / "expected.npy", expected)
    write_whole(folder / "job.json", json.dumps(described, indent=2) + "\n")
    _show(options, folder, described)
    return 0


def _manifest(folder):
    """The manifest of a top with beats, which lies in the folder."""
    found = manifests_of_wrappers(folder, ("axis", "axi"))
    if len(found) != 1:
        raise ValueError(
            f"Folder {folder} must hold the manifest of a top axis or axi, not {len(found)} of "
            "them; see brickwork emit --top axi"
        )
    return found[0]


def _product(options, parameters, manifest):
    """The job of a product, its results, and what is to be told about it."""
    acc_width = manifest.derived["acc_width"]
    found, modes, channels = _gemm_output.product(options, parameters, acc_width)
    a, w = found.a.codes, found.w.codes
    modes = tiling(manifest, *a.shape, w.shape[1], **modes).modes
    m, k, n = (*a.shape, w.shape[1])
    expected = golden_product(manifest, a, w, channels, **modes)
    return gemm_job(manifest, a, w, channels, **modes), expected, {"m": m, "k": k, "n": n} | modes


def _network(options, parameters, manifest):
    """Likewise of vectors by a sparse matrix."""
    todo = _eie_run.work(options, parameters)
    a = np.atleast_2d(todo.a)
    job = sparse_job(manifest, [todo.layer], a)
    outputs, inputs = todo.layer.encoded.shape
    facts = {
        "vectors": len(a),
        "fraction": todo.fraction,
        "load_words": job.counts["load"],
        "fill_jobs": job.parts["fill_jobs"],
        "vector_jobs": job.parts["vector_jobs"],
        "input_count": inputs,
        "acts_words": job.parts["acts"],
        "output_count": outputs,
        "result_words": job.parts["results"],
    }
    return job, todo.expected().reshape(len(a), outputs), facts


def _described(job, facts, address):
    """What ``job.json`` holds."""
    manifest, counts, sizes = job.manifest, job.counts, job.sizes
    dma = "memory" in manifest.bus
    if address and not dma:
        raise Refused("Option --address must go with a top axi, which reads memory, not with axis")
    places = job.addresses(address) if dma else {}
    streams = {}
    for name, layout in manifest.bus["streams"].items():
        streams[name] = {"file": f"{name}.bin"} if name in job.words else {}
        streams[name] |= {"words": counts[name], "stride": layout["stride"], "bytes": sizes[name]}
        streams[name] |= {"address": places[name]} if dma else {}
    described = {
        "design": manifest.design,
        "digest": manifest.digest,
        "top": manifest.top,
        "job": facts,
        "streams": streams,
    }
    if dma:
        described["writes"] = [
            {"register": name, "offset": offset, "value": value}
            for name, offset, value in job.writes(address)
        ]
    return described


def _show(options, folder, described):
    if options.json:
        print(json.dumps({"folder": str(folder)} | described, indent=2))
        return
    for name, stream in described["streams"].items():
        place = f"at {stream['address']:#x}" if "address" in stream else ""
        file = folder / stream["file"] if "file" in stream else ""
        print(name, f"{stream['words']} words", f"{stream['bytes']} bytes", place, file, sep="\t")
    print("expected", folder / "expected.npy", sep="\t")
    print("job", folder / "job.json", sep="\t")
