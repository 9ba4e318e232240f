"""``brickwork sim``: the regressions of designs, and their results as JUnit XML."""

import functools
import importlib.util
import shlex
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from ...sim.verilator.simulate import simulate
from ..designs import registry
from ..designs.wrappers import top_from_text
from ..emission.emit import emit, write_whole
from ..lib.errors import Refused
from ..lib.files import alone, check_folder, how_to_open
from ..lib.progress import progress

__all__ = ["BENCHES", "regression"]

#: The testbench of each design.
BENCHES = {
    "gemm_ws": "brickwork.sim.tb.systolic.gemm_ws",
    "gemm_os": "brickwork.sim.tb.systolic.gemm_os",
    "gemm_fusion": "brickwork.sim.tb.fusion.gemm_fusion",
    "eie": "brickwork.sim.tb.sparse.eie",
}

#: That of each top around a core.
TOP_BENCHES = {
    "axis": "brickwork.sim.tb.bus.axis_top",
    "axi": "brickwork.sim.tb.bus.axi_top",
    "uart": "brickwork.sim.tb.bus.uart_top",
}

#: Those that share parameters; the default size of ``eie`` is large for a testbench.
_DEFAULT = ["gemm_ws", "gemm_os", "gemm_fusion"]


def regression(options) -> int:
    names = list(dict.fromkeys(options.designs)) or _DEFAULT
    cores = [registry.parameters_from_text(name, options.settings) for name in names]
    designs = [top_from_text(options.top, core, options.bus) for core in cores]
    bench_of = functools.partial(_bench, options.top)
    out = check_folder(options.out)
    xml = Path(options.xml) if options.xml else out / "sim" / "results.xml"
    check_folder(xml.parent)

    suites = ElementTree.Element("testsuites", name="brickwork")
    passed = True
    with progress(total=len(designs)) as bar:
        for parameters in designs:
            bar.set_description_str(parameters.design())
            emission = emit(parameters, out)
            folder = out / "sim" / emission.folder.name
            with alone(folder):
                outcome = simulate(
                    emission.manifest,
                    bench_of(parameters),
                    workdir=folder,
                    seed=options.seed,
                    waves=options.waves,
                    debug=options.debug,
                )
            bar.update()
            with bar.external_write_mode():
                _show(parameters, outcome, folder, options)
            suites.append(_suite(parameters, outcome, bench_of(parameters)))
            passed = passed and outcome.passed
    write_whole(xml, ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))
    return 0 if passed else 1


def _bench(top, parameters):
    """The testbench for a design, whose buses are driven by parts that are not ours."""
    if top == "stream":
        return BENCHES[parameters.design()]
    if top != "uart" and importlib.util.find_spec("cocotbext.axi") is None:
        raise Refused(
            "Tops with AXI are simulated with cocotbext-axi, which is missing; pip install it"
        )
    return TOP_BENCHES[top]


def _show(parameters, outcome, folder, options):
    design = parameters.design()
    for test in outcome.tests:
        state = "skipped" if test.skipped else "ok" if test.ok else "FAIL"
        function, slash, values = test.name.partition("/")
        name = function.rpartition(".")[2] + slash + values
        print(design, name, state, f"{test.sim_time_ns:g} ns", f"{test.seconds:.2f} s", sep="\t")
    if outcome.waves:
        waves = folder / outcome.waves.name
        print(design, "waves", waves, f"open with {how_to_open(waves)}", sep="\t")
    sys.stdout.flush()
    if not outcome.passed:
        again = ["brickwork", "sim", design]
        for setting in options.settings:
            again += ["--set", setting]
        again += ["--top", options.top] if options.top != "stream" else []
        for setting in options.bus:
            again += ["--bus", setting]
        again += ["--seed", str(options.seed), "--waves"]
        again += ["--debug"] if options.debug else []
        print(
            f"brickwork: {design}: {outcome.reason} (log: {outcome.log}); "
            f"reproduce with: {shlex.join(again)}",
            file=sys.stderr,
        )


def _suite(parameters, outcome, bench):
    """The results of one design; a simulation that gave none is a failed test."""
    suite = ElementTree.Element("testsuite", name=parameters.design())
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in {"digest": parameters.digest, **parameters.as_dict()}.items():
        ElementTree.SubElement(properties, "property", name=name, value=str(value))
    if outcome.tests:
        suite.extend(ElementTree.parse(outcome.results_xml).getroot().iter("testcase"))
    if not outcome.passed and all(test.ok for test in outcome.tests):
        case = ElementTree.SubElement(suite, "testcase", classname=bench, name="simulation")
        ElementTree.SubElement(case, "failure", message=outcome.reason)
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for kind, tags in (("failures", {"failure", "error"}), ("skipped", {"skipped"})):
        count = sum(any(part.tag in tags for part in case) for case in cases)
        suite.set(kind, str(count))
    return suite
