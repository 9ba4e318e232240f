"""Scripts for Vivado, run by Tcl with commands that write down how they are called."""

import re
import shutil
import subprocess

import pytest
from brickwork.gen.collateral.vivado import vivado
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from integration import TOPS, written

tcl = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")
WITH_AXI = ("axis", "axi")

# Each command that Tcl does not know is printed, a word a line. What is looked for is there under
# its name, unless it is among the missing; what is made has a name of its own.
VIVADO = """\
set missing {MISSING}
set made 0
proc unknown {args} {
  global missing made
  foreach word $args {puts $word}
  puts ---
  set command [lindex $args 0]
  if {[string match ipx::get_* $command]} {
    set name [lindex [lsearch -all -inline -not $args -quiet] 1]
    return [expr {$name in $missing ? "" : $name}]
  }
  if {[string match ipx::add_* $command]} {return "[lindex $args 1]#[incr made]"}
  return $command
}
set argv {ARGV}
set argc [llength $argv]
source {SCRIPT}
"""


def called(script, argv="", missing=""):
    """The commands that a script calls, each a list of words."""
    text = VIVADO.replace("MISSING", missing).replace("ARGV", argv).replace("SCRIPT", str(script))
    done = subprocess.run(
        ["tclsh"], input=text, cwd=script.parent, capture_output=True, text=True, check=False
    )
    if done.stderr:
        raise ValueError(done.stderr)
    calls = done.stdout.split("---\n")
    return [call.splitlines() for call in calls if call]


@tcl
@pytest.mark.parametrize("top", TOPS)
def test_out_of_context(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    name = manifest.top
    script = emission.folder / f"{name}_ooc.tcl"
    calls = called(script, "some-part")
    files = [call[-1] for call in calls if call[0].startswith("read_")]
    assert files == [str(emission.folder / f"{name}.{end}") for end in ("v", "xdc")]
    assert ["synth_design", "-top", name, "-part", "some-part", "-mode", "out_of_context"] in calls
    assert ["route_design"] not in calls
    reports = {call[-1] for call in calls if call[0].startswith("report_")}
    assert reports == {f"{name}_{report}_synth.rpt" for report in ("utilization", "timing")}
    calls = called(script, "some-part route")
    assert [call[0] for call in calls].index("route_design") > 3
    assert ["report_timing_summary", "-file", f"{name}_timing_route.rpt"] in calls
    for wrong in ("", "some-part rout", "a b c"):
        with pytest.raises(ValueError, match="Arguments must be a part and, optionally, route"):
            called(script, wrong)


@tcl
@pytest.mark.parametrize("top", WITH_AXI)
def test_package(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    name, bus = manifest.top, manifest.bus
    calls = called(emission.folder / f"{name}_package.tcl", "somewhere", "reg0")
    assert ["add_files", "-norecurse", str(emission.verilog)] in calls
    package = next(call for call in calls if call[0] == "ipx::package_project")
    assert package[package.index("-root_dir") + 1] == str(emission.folder / "somewhere")
    assert [call[0] for call in calls[-3:-1]] == ["ipx::save_core", "close_project"]
    assert calls[-1] == [f"{name} is packaged in {emission.folder / 'somewhere'}"]

    associated = [
        call[2] for call in calls if call[:2] == ["ipx::associate_bus_interfaces", "-busif"]
    ]
    # Every port belongs to one of these interfaces, or is one by itself.
    alone = {bus["clock"], bus["reset"], bus["interrupt"]}
    ports = {port["name"] for port in manifest.ports} - alone
    assert ports == {port for port in ports for i in associated if port.startswith(f"{i}_")}
    assert len(associated) == len(set(associated))

    properties = {}
    for command, key, *value in (call for call in calls if len(call) > 1):
        if command == "set_property":
            properties.setdefault(value[-1], {})[key] = value[0]
    added = [call[1] for call in calls if call[0] == "ipx::add_register"]
    assert added == [register["name"] for register in bus["registers"]]
    assert properties["reg0#1"]["range"] == str(1 << bus["control"]["address_width"])
    number = 1
    for register in bus["registers"]:
        number += 1
        values = properties[f"{register['name']}#{number}"]
        assert int(values["address_offset"], 16) == register["offset"]
        assert values["size"] == "32"
        for field in register["fields"]:
            number += 1
            values = properties[f"{field['name']}#{number}"]
            assert (values["bit_offset"], values["bit_width"]) == (
                str(field["low"]),
                str(field["width"]),
            )
            once = values.get("modified_write_value") == "oneToClear"
            assert once is (register["access"] == "w1c")


@tcl
def test_interface_that_is_not_inferred(tmp_path):
    emission, manifest = written(TOPS["axis"], tmp_path)
    message = "Interface m_axis_results was not inferred from the ports of gemm_os_axis"
    with pytest.raises(ValueError, match=message):
        called(emission.folder / f"{manifest.top}_package.tcl", "", "m_axis_results")


#: Signals by which Vivado knows an interface, and that it must have (AMD UG1118).
STREAM = {"tdata", "tkeep", "tlast", "tvalid", "tready"}
ADDRESS = {"addr", "prot", "valid", "ready"}
LITE = {f"a{way}{name}" for way in "wr" for name in ADDRESS} | {
    *("wdata", "wstrb", "wvalid", "wready", "bresp", "bvalid", "bready"),
    *("rdata", "rresp", "rvalid", "rready"),
}
FULL_ADDRESS = {"id", "len", "size", "burst", "lock", "cache", "qos"}
FULL = LITE | {f"a{way}{name}" for way in "wr" for name in FULL_ADDRESS}
FULL |= {"wlast", "rlast", "bid", "rid"}


@pytest.mark.parametrize("top", WITH_AXI)
def test_names_are_those_that_vivado_infers(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    bus = manifest.bus
    expected = {bus["control"]["interface"]: LITE}
    for port in bus["streams"].values():
        if "interface" in port:
            expected[port["interface"]] = STREAM
    if "memory" in bus:
        expected[bus["memory"]["interface"]] = FULL
    names = {port["name"] for port in manifest.ports}
    for interface, signals in expected.items():
        assert {name for name in names if name.startswith(f"{interface}_")} == {
            f"{interface}_{signal}" for signal in signals
        }
    text = emission.verilog.read_text()
    interfaces = re.search(r'ASSOCIATED_BUSIF ([\w:]+), ASSOCIATED_RESET (\w+)"', text)
    assert set(interfaces[1].split(":")) == set(expected)
    assert interfaces[2] == bus["reset"]
    for signal_type, port in (("clock", "clock"), ("reset", "reset"), ("interrupt", "interrupt")):
        mark = rf'X_INTERFACE_INFO = "xilinx.com:signal:{signal_type}:1.0 {bus[port]} \w+" \*\)'
        assert len(re.findall(mark, text)) == 1
    assert "POLARITY ACTIVE_LOW" in text


@pytest.mark.parametrize("top", ["stream", "uart"])
def test_no_package_without_interfaces(top, tmp_path):
    manifest = Manifest.read(emit(TOPS[top], tmp_path).manifest)
    assert list(vivado(manifest)) == [f"{manifest.top}_ooc.tcl"]
