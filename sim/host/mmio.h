/* A simulated core behind AXI: registers, memory and interrupt, as a driver in C sees them.

   The functions fit the platform of the generated driver: `context` is what mmio_open returned.
   Time passes only while one of them runs. */
#ifndef MMIO_H
#define MMIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mmio mmio;

/* How the bus and the memory behave; 0 everywhere is a bus that never waits. */
typedef struct mmio_manner {
    uint64_t seed;       /* of everything random */
    uint32_t pauses;     /* percentage of cycles in which a channel of the memory holds back */
    uint32_t latency;    /* most cycles, at random, from a request to its answer */
    uint32_t patience;   /* cycles after which mmio_wait gives up, and an access to a register */
} mmio_manner;

/* A core after its reset, with `size` bytes of memory from `address` on. */
mmio *mmio_open(uint64_t address, uint64_t size, mmio_manner manner);
void mmio_close(mmio *core);

/* An access to a register by AXI4-Lite; mmio_response tells how it was answered: 0, or 2 for an
   error. */
uint32_t mmio_read32(void *context, uint32_t offset);
void mmio_write32(void *context, uint32_t offset, uint32_t value);
uint32_t mmio_response(const mmio *core);

/* Until the interrupt is high; 1 if it did not come in time. */
int mmio_wait(void *context);
void mmio_step(mmio *core, uint64_t cycles);
int mmio_interrupt(const mmio *core);

/* The memory, of which the first byte is at `address`. */
uint8_t *mmio_memory(mmio *core);

/* Accesses to addresses from `first` to `last` are answered with SLVERR; the last call counts. */
void mmio_fault(mmio *core, uint64_t first, uint64_t last);

typedef struct mmio_counts {
    uint64_t cycles;
    uint64_t read_bursts, read_beats, write_bursts, write_beats;
    uint64_t read_waits; /* cycles in which the core let data wait */
    uint64_t open;       /* transfers of the memory's that have not ended */
} mmio_counts;

mmio_counts mmio_count(const mmio *core);

/* The first rule of AXI that the core broke, or an empty text. */
const char *mmio_trouble(const mmio *core);

#ifdef __cplusplus
}
#endif

#endif /* MMIO_H */
