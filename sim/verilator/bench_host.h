// The class of the model for cocotb's main program in the host of test benches. The model itself
// comes from a shared object, in a fork of the host.

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>

#include "bench_model.h"
#include "verilated.h"

static BenchModel* model;

struct Vtop {
    explicit Vtop(const char*) {}
    void eval_step() { model->eval_step(); }
    void eval_end_step() { model->eval_end_step(); }
    bool eventsPending() { return model->eventsPending(); }
    uint64_t nextTimeSlot() { return model->nextTimeSlot(); }
    void final() { model->final(); }
};

// Called from Python before time 0.
extern "C" void load_model(const char* path, int argc, const char** argv) {
    Verilated::commandArgs(argc, argv);
    void* library = dlopen(path, RTLD_NOW);
    if (!library) {
        std::fprintf(stderr, "%%Error: %s\n", dlerror());
        _exit(1);
    }
    model = reinterpret_cast<BenchModel* (*)()>(dlsym(library, "make_model"))();
}
