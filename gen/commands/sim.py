"""``brickwork sim``: the regressions of designs, and their results as JUnit XML."""

import shlex
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from pathlib import Path

from ..lib import colour
from ..lib.extras import require
from ..lib.messages import print_json
from ..lib.progress import progress
from .arguments import add_designs, add_json, add_out, add_simulation, add_wrapper, path

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
        "--xml",
        metavar="FILE",
        type=path("Results"),
        help="file for JUnit XML (default: sim/results.xml below --out)",
    )
    add_json(parser)


def main(options) -> int:
    from ...sim.verilator import toolchain
    from ...sim.verilator.simulate import simulate
    from ..designs.wrappers import Wrapper, wrapper_from_text
    from ..emission.emit import emit
    from ..lib.files import check_file, check_folder, exclusive_lock, report_apart, write_whole

    cores = _cores(options)
    designs = [wrapper_from_text(options.top, core, options.bus) for core in cores]
    xml = check_file(options.xml or Path(options.out, "sim", "results.xml"), "JUnit XML")
    toolchain.check_simulation()
    if any(isinstance(each, Wrapper) and each.has_driver for each in designs):
        with require("Testbenches of AXI"):
            import cocotbext.axi  # noqa: F401
    out = check_folder(options.out)

    suites = ElementTree.Element("testsuites", name="brickwork")
    records = []
    with report_apart(xml), progress(total=len(designs)) as bar:
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
            records.append(_record(parameters, outcome, folder, options))
            with bar.external_write_mode():
                _show(records[-1], options)
            suites.append(_suite(parameters, outcome, bench))
    write_whole(xml, ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))
    passed = all(record["passed"] for record in records)
    if options.json:
        report = {"passed": passed, "seed": options.seed, "xml": str(xml), "designs": records}
        with report_apart(xml):
            print_json(report)
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


def _cores(options):
    """The cores to test; without names, designs that the settings do not fit are left out."""
    names, cores = _names(options), []
    for name in names:
        try:
            cores.append(_core(name, options.settings))
        except ValueError as error:
            if options.designs or (name == names[-1] and not cores):
                raise
            print(f"{name} is left out: {error}", file=sys.stderr)
    return cores


def _core(name, settings):
    """The core with these settings, or if there are none of a size for a test bench."""
    from ..designs import registry

    design = registry.design(name)
    return design(**registry.settings_from_text(design, settings) or design.BENCH_CASE)


def _bench(parameters, emission):
    """The testbench of a core, or of its bus wrapper."""
    from ...sim.designs import registry
    from ...sim.manifest import Manifest

    manifest = Manifest.read(emission.manifest)
    if not manifest.bus:
        return registry.model(manifest).bench
    return parameters.bench


def _record(parameters, outcome, folder, options):
    """The results of one design as JSON shows them."""
    return {
        "design": parameters.design(),
        "digest": parameters.digest,
        "parameters": parameters.as_dict(),
        "passed": outcome.passed,
        "reason": outcome.reason or None,
        "tests": [
            {
                "name": _short(test.name),
                "status": "skipped" if test.skipped else "ok" if test.ok else "failed",
                "message": test.message or None,
                "sim_time_ns": test.sim_time_ns,
                "seconds": test.seconds,
            }
            for test in outcome.tests
        ],
        "seconds": round(outcome.seconds, 3),
        "log": str(outcome.log),
        "waves": outcome.waves and str(folder / outcome.waves.name),
        "reproduce": None if outcome.passed else _reproduce(parameters.design(), options),
    }


def _short(name):
    """A test's name without its module."""
    function, slash, values = name.partition("/")
    return function.rpartition(".")[2] + slash + values


def _reproduce(design, options):
    """The command line that runs the bench of one design again, with waves."""
    again = ["brickwork", *options.own, "sim", design]
    for setting in options.settings:
        again += ["--set", setting]
    again += ["--top", options.top] if options.top else []
    for setting in options.bus:
        again += ["--bus", setting]
    again += ["--seed", str(options.seed), "--waves"]
    again += ["--debug"] if options.debug else []
    return shlex.join(again)


def _show(record, options):
    """Prints the results of one design, and why they are bad."""
    from ...sim.verilator.waves import how_to_open

    design = record["design"]
    for test in () if options.json else record["tests"]:
        state = {"failed": "FAIL"}.get(test["status"], test["status"])
        times = f"{test['sim_time_ns']:g} ns", f"{test['seconds']:.2f} s"
        print(design, test["name"], colour.verdict(state), *times, sep="\t")
    if record["waves"] and not options.json:
        waves = record["waves"]
        for label, text in {"waves": waves, **how_to_open(Path(waves))}.items():
            print(design, label, text, sep="\t")
    sys.stdout.flush()
    if not record["passed"]:
        failed = colour.red(f"{design}:", sys.stderr)
        print(
            f"brickwork: {failed} {record['reason']} (log: {record['log']}); "
            f"reproduce with: {record['reproduce']}",
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
