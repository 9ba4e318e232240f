// What cocotb's main program calls of a model that is a shared object.

#include <cstdint>

struct BenchModel {
    virtual ~BenchModel() = default;
    virtual void eval_step() = 0;
    virtual void eval_end_step() = 0;
    virtual bool eventsPending() = 0;
    virtual uint64_t nextTimeSlot() = 0;
    virtual void final() = 0;
};
