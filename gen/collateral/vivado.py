"""Scripts for Vivado: a core as a packaged IP, and its synthesis by itself."""

from ...sim.manifest import Manifest

__all__ = ["vivado"]

_OUT_OF_CONTEXT = """\
# Synthesizes {top} by itself, with its constraints, for a part:
#   vivado -mode batch -source {top}_ooc.tcl -tclargs PART
# and with "route" after the part places and routes it too. Reports go to the current folder.
if {{$argc < 1 || $argc > 2 || ($argc == 2 && [lindex $argv 1] ne "route")}} {{
  error "Arguments must be a part, and perhaps route; see the first lines of [info script]"
}}
set here [file dirname [file normalize [info script]]]
read_verilog [file join $here {top}.v]
read_xdc -mode out_of_context [file join $here {top}.xdc]
synth_design -top {top} -part [lindex $argv 0] -mode out_of_context
set stage synth
if {{$argc == 2}} {{
  opt_design
  place_design
  route_design
  set stage route
}}
report_utilization -hierarchical -file {top}_utilization_$stage.rpt
report_timing_summary -file {top}_timing_$stage.rpt
write_checkpoint -force {top}_$stage.dcp
"""

_PACKAGE = """\
# Packages {top} as an IP for block designs, into a folder that becomes a repository of IPs:
#   vivado -mode batch -source {top}_package.tcl -tclargs FOLDER
# The folder is {top}_ip in the current one, if none is given; what it holds is replaced.
set here [file dirname [file normalize [info script]]]
set folder [file normalize [expr {{$argc > 0 ? [lindex $argv 0] : "{top}_ip"}}]]
set work [file join $folder work]
create_project -force {top}_package $work
add_files -norecurse [file join $here {top}.v]
set_property top {top} [current_fileset]
update_compile_order -fileset sources_1
ipx::package_project -root_dir $folder -vendor brickwork -library cores -taxonomy /UserIP \\
  -import_files -force
set core [ipx::current_core]
set_property name {top} $core
set_property version {version} $core
set_property display_name {{{top}}} $core
set_property description {{{design} by Brickwork, digest {digest}}} $core
set_property vendor_display_name Brickwork $core
set_property auto_family_support_level level_2 $core

# Vivado knows the interfaces by the names of their ports.
foreach interface {{{interfaces}}} {{
  if {{[ipx::get_bus_interfaces -quiet $interface -of_objects $core] eq ""}} {{
    error "Interface $interface was not found among the ports of {top}"
  }}
  ipx::associate_bus_interfaces -busif $interface -clock {clock} $core
}}
ipx::associate_bus_interfaces -clock {clock} -reset {reset} $core

set map [ipx::get_memory_maps -quiet {control} -of_objects $core]
if {{$map eq ""}} {{
  set map [ipx::add_memory_map {control} $core]
  set_property slave_memory_map_ref {control} \\
    [ipx::get_bus_interfaces {control} -of_objects $core]
}}
set block [ipx::get_address_blocks -quiet reg0 -of_objects $map]
if {{$block eq ""}} {{
  set block [ipx::add_address_block reg0 $map]
}}
set_property usage register $block
set_property width 32 $block
set_property range {range} $block
proc add_register {{block name offset access description}} {{
  set register [ipx::add_register $name $block]
  set_property address_offset $offset $register
  set_property size 32 $register
  set_property access $access $register
  set_property description $description $register
  return $register
}}
proc add_field {{register name offset width access description}} {{
  set field [ipx::add_field $name $register]
  set_property bit_offset $offset $field
  set_property bit_width $width $field
  set_property access $access $field
  set_property description $description $field
  return $field
}}
{registers}
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
close_project -delete
puts "{top} is packaged in $folder"
"""

_ACCESS = {"ro": "read-only", "rw": "read-write", "wo": "write-only", "w1c": "read-write"}


def vivado(manifest: Manifest) -> dict[str, str]:
    """``<top>_ooc.tcl``, and of a core with AXI ``<top>_package.tcl``.

    They read ``<top>.v`` and ``<top>.xdc`` from their own folder.

    Returns
    -------
    dict
        File name to text.
    """
    top, bus = manifest.top, manifest.bus
    files = {f"{top}_ooc.tcl": _OUT_OF_CONTEXT.format(top=top)}
    if "control" in bus:
        files[f"{top}_package.tcl"] = _package(manifest, bus)
    return files


def _package(manifest, bus):
    control = bus["control"]
    interfaces = [part["interface"] for part in bus["streams"].values() if "interface" in part]
    interfaces += [bus[part]["interface"] for part in ("memory", "control") if part in bus]
    return _PACKAGE.format(
        **{name: getattr(manifest, name) for name in ("top", "design", "digest")},
        # A version of an IP has two numbers.
        version=".".join(manifest.tools["brickwork"].split(".")[:2]),
        interfaces=" ".join(interfaces),
        clock=bus["clock"],
        reset=bus["reset"],
        control=control["interface"],
        range=1 << control["address_width"],
        registers="\n".join(_register(register) for register in bus["registers"]),
    )


def _register(register):
    access = _ACCESS[register["access"]]
    lines = [
        f"set register [add_register $block {register['name']} 0x{register['offset']:03X} "
        f"{access} {_text(register['meaning'])}]"
    ]
    for part in register["fields"]:
        add = f"add_field $register {part['name']} {part['low']} {part['width']} {access}"
        line = f"{add} {_text(part['meaning'])}"
        if register["access"] == "w1c":
            line = f"set_property modified_write_value oneToClear [{line}]"
        lines.append(line)
    return "\n".join(lines)


def _text(meaning):
    """A text as one word of Tcl."""
    return "{" + meaning.replace("{", "(").replace("}", ")").replace("\\", "/") + "}"
