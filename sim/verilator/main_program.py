"""The C++ around the model of a simulation: cocotb's main program, and the compiled driver."""

from pathlib import Path

from ..manifest import Manifest

__all__ = ["bench_model", "main_program"]

# The driver is compiled once; only the virtual functions of the model are compiled for a design.
_DRIVEN = """
struct Driven final : drive::Model {
    VerilatedContext& context;
    Vtop& top;
#if VM_TRACE
    VerilatedFstC waves;
#endif

    Driven(VerilatedContext& context, Vtop& top, const drive::Stream* streams, size_t count)
        : Model(&top.clk, &top.rst, streams, count), context(context), top(top) {}
    void eval() override { top.eval(); }
    void final() override { top.final(); }
    bool open(const char* file) override {
#if VM_TRACE
        context.traceEverOn(true);
        top.eval();  // hierarchical blocks come into being here
        top.trace(&waves, 99);
        waves.open(file);
        return true;
#else
        return false;
#endif
    }
    void dump(uint64_t time) override {
#if VM_TRACE
        waves.dump(time);
#endif
    }
    void close() override {
#if VM_TRACE
        waves.close();
#endif
    }
};

int main(int argc, char** argv) {
    if (argc < 2 || std::strcmp(argv[1], "--drive") != 0) return cocotb_main(argc, argv);
    VerilatedContext context;
    context.randReset(2);  // as in hardware, what has no initial value begins with any
    Vtop top{&context, ""};  // waves begin with the top-level module, as those of cocotb
    const drive::Stream streams[] = {
%s    };
    Driven model(context, top, streams, sizeof streams / sizeof *streams);
    return drive::run(model, argc, argv);
}
"""


_SHARED = """
#include "Vtop.h"

struct Shared final : BenchModel {
    Vtop top{""};
    void eval_step() override { top.eval_step(); }
    void eval_end_step() override { top.eval_end_step(); }
    bool eventsPending() override { return top.eventsPending(); }
    uint64_t nextTimeSlot() override { return top.nextTimeSlot(); }
    void final() override { top.final(); }
};

extern "C" BenchModel* make_model() { return new Shared; }
"""


def bench_model() -> str:
    """What a model in a shared object offers to the host of test benches."""
    return _source("bench_model.h") + _SHARED


def main_program(cocotb_main: str, design: Manifest, waves: bool) -> str:
    """cocotb's main program, and the compiled driver for a design with streams or a serial line."""
    # Macros on the command line would make the compiler reject the precompiled header.
    trace = "#define VM_TRACE 1\n#define VM_TRACE_FST 1\n" if waves else ""
    # The first evaluation creates hierarchical blocks; only existing blocks are traced.
    main = cocotb_main.replace("top->trace(", "top->eval(); top->trace(")
    if design.stream_ports:
        driver = _source("driver.h") + _DRIVEN % _stream_table(design.stream_ports)
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
    return "".join(rows)
