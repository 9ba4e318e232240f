"""The C++ main program of a simulation: cocotb's, and the compiled driver."""

from pathlib import Path

from ..manifest import Manifest

__all__ = ["main_program"]


def main_program(cocotb_main: str, design: Manifest, waves: bool) -> str:
    """cocotb's main program, and the compiled driver for a design with streams or a serial line."""
    # Macros on the command line would make the compiler reject the precompiled header.
    trace = "#define VM_TRACE 1\n#define VM_TRACE_FST 1\n" if waves else ""
    # The first evaluation creates hierarchical blocks; only existing blocks are traced.
    main = cocotb_main.replace("top->trace(", "top->eval(); top->trace(")
    if design.stream_ports:
        driver = _source("driver.cpp") + _stream_table(design.stream_ports)
    elif design.wrapper == "uart":
        driver = _source("serial.cpp")
    else:
        return trace + main
    return "".join([trace, "#define main cocotb_main\n", main, "#undef main\n", driver])


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _stream_table(streams: dict[str, dict]) -> str:
    """The addresses of each stream's signals in the model, for the driver."""
    rows = [
        f'        {{"{name}", {str(stream["direction"] == "input").lower()}, '
        f"reinterpret_cast<uint8_t*>(&top.{stream['payload']}), {-(-stream['width'] // 8)}, "
        f"&top.{stream['valid']}, &top.{stream['ready']}}},\n"
        for name, stream in streams.items()
    ]
    return (
        "\nstd::vector<drive::Stream> drive::streams(Vtop& top) {\n    return {\n"
        + "".join(rows)
        + "    };\n}\n"
    )
