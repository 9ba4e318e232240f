"""``brickwork sim``: the regressions of designs, and their results as JUnit XML."""

import shlex
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from pathlib import Path

from ..lib.extras import require
from ..lib.progress import progress
from .arguments import add_designs, add_out, add_simulation, add_wrapper

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "run the regressions of designs in simulation"
EXAMPLE = "brickwork sim gemm_os --set rows=4 --set cols=6 --waves"


def arguments(parser):
    add_designs(parser)
    add_wrapper(parser)
    add_simulation(parser)
    parser.add_argument(
        "--debug", action="store_true", help="make every signal visible to the testbench; slower"
    )
    add_out(parser)
    parser.add_argument(
        "--xml", metavar="FILE", help="file for JUnit XML (default: sim/results.xml below --out)"
    )


def main(options) -> int:
    from ...sim.verilator.simulate import simulate
    from ..designs.wrappers import wrapper_from_text
    from ..emission.emit import emit
    from ..lib.files import check_folder, exclusive_lock, write_whole

    cores = [_core(name, options.settings) for name in _names(options)]
    designs = [wrapper_from_text(options.top, core, options.bus) for core in cores]
    out = check_folder(options.out)
    xml = Path(options.xml) if options.xml else out / "sim" / "results.xml"
    check_folder(xml.parent)

    suites = ElementTree.Element("testsuites", name="brickwork")
    passed = True
    with progress(total=len(designs)) as bar:
        for parameters in designs:
            bar.set_description_str(parameters.design())
            emission = emit(parameters, out)
            folder, bench = out / "sim" / emission.folder.name, _bench(parameters, emission)
            with exclusive_lock(folder):
                outcome = simulate(
                    emission.manifest,
                    bench,
                    workdir=folder,
                    seed=options.seed,
                    waves=options.waves,
                    debug=options.debug,
                )
            bar.update()
            with bar.external_write_mode():
                _show(parameters, outcome, folder, options)
            suites.append(_suite(parameters, outcome, bench))
            passed = passed and outcome.passed
    write_whole(xml, ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))
    return 0 if passed else 1


def _names(options):
    """The designs to test; without names those that have all parameters that are set."""
    from ..designs import registry

    if options.designs:
        return list(dict.fromkeys(options.designs))
    keys = {setting.partition("=")[0] for setting in options.settings}
    names = {
        name: {item.name for item in fields(design)} for name, design in registry.DESIGNS.items()
    }
    return [name for name, parameters in names.items() if keys <= parameters] or list(names)


def _core(name, settings):
    """The core with these settings, or if there are none of a size for a test bench."""
    from ..designs import registry

    design = registry.design(name)
    return design(**registry.settings_from_text(design, settings) or design.BENCH_CASE)


def _bench(parameters, emission):
    """The testbench of a core, or of its bus wrapper, which cocotbext-axi drives."""
    from ...sim.designs import registry
    from ...sim.manifest import Manifest

    manifest = Manifest.read(emission.manifest)
    if not manifest.bus:
        return registry.model(manifest).bench
    if parameters.has_driver:
        with require("Testbenches of AXI"):
            import cocotbext.axi  # noqa: F401
    return parameters.bench


def _show(parameters, outcome, folder, options):
    from ..lib.files import how_to_open

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
