// A Verilated core behind AXI with a manager for its registers and a memory; see mmio.h.
// `mmio_top.h` is generated for each design: DATA_BYTES, ADDRESS_WIDTH, BURST, OUTSTANDING, and
// BLOCKS_ID, the ID of a stream that is read in blocks, or -1.
//
// The memory answers requests in any order, but those of one ID in theirs; beats of reads with
// different IDs mix; data of writes may come before their addresses. All the while it checks the
// rules of AXI4 (IHI 0022) that a manager has to keep.

#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "Vtop.h"
#include "mmio.h"
#include "mmio_top.h"
#include "verilated.h"

namespace {

constexpr uint32_t OKAY = 0, SLVERR = 2, DECERR = 3;
constexpr uint64_t PAGE = 4096;
constexpr size_t WAITING = 16;  // requests that the memory takes before it makes others wait

struct Random {
    uint64_t state;

    explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull + 0x2545F4914F6CDD1Dull) {}

    uint64_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }

    uint64_t below(uint64_t limit) { return limit ? next() % limit : 0; }

    bool percent(uint32_t share) { return below(100) < share; }
};

struct Request {
    uint64_t address = 0;
    uint32_t id = 0, beats = 0;
    uint64_t ready_at = 0;  // in cycles
    uint32_t response = OKAY;
    uint32_t done = 0;      // beats
};

struct Beat {
    uint8_t data[DATA_BYTES];
    uint64_t strobe;
    bool last;
};

// What a manager offers has to stay until it is taken.
struct Offer {
    bool open = false;
    std::vector<uint8_t> held;

    // Whether it keeps the rule.
    bool check(bool valid, bool ready, const std::vector<uint8_t>& payload) {
        const bool kept = !open || (valid && payload == held);
        open = valid && !ready;
        if (open) held = payload;
        return kept;
    }
};

template <typename... Parts>
std::vector<uint8_t> bytes_of(const Parts&... parts) {
    std::vector<uint8_t> bytes;
    const auto add = [&](const void* data, size_t size) {
        const auto* at = static_cast<const uint8_t*>(data);
        bytes.insert(bytes.end(), at, at + size);
    };
    (add(&parts, sizeof parts), ...);
    return bytes;
}

}  // namespace

// As in hardware, what has no initial value begins with any.
struct Context : VerilatedContext {
    Context() { randReset(2); }
};

struct mmio {
    Context context;
    Vtop top{&context};
    Random random;
    mmio_manner manner;
    uint64_t base;
    std::vector<uint8_t> memory;
    uint64_t fault_first = ~0ull, fault_last = 0;  // none
    mmio_counts counts{};
    std::string trouble;
    uint32_t response = OKAY;

    std::map<uint32_t, std::deque<Request>> reads, answers;  // by ID
    std::deque<Request> writes;                              // whose data are not complete
    std::deque<Beat> beats;
    Offer ar, aw, w, control_b, control_r;

    mmio(uint64_t address, uint64_t size, mmio_manner how)
        : random(how.seed), manner(how), base(address), memory(size) {
        for (CData* input : {&top.m_axi_mem_rvalid, &top.m_axi_mem_bvalid, &top.m_axi_mem_arready,
                             &top.m_axi_mem_awready, &top.m_axi_mem_wready, &top.s_axi_ctrl_arvalid,
                             &top.s_axi_ctrl_rready, &top.s_axi_ctrl_awvalid,
                             &top.s_axi_ctrl_wvalid, &top.s_axi_ctrl_bready})
            *input = 0;
        top.aresetn = 0;
        for (int cycle = 0; cycle < 4; ++cycle) {
            edge();
            if (top.m_axi_mem_arvalid || top.m_axi_mem_awvalid || top.m_axi_mem_wvalid)
                fail("valid during reset");
        }
        top.aresetn = 1;
        step();
    }

    ~mmio() { top.final(); }

    void fail(const std::string& what) {
        if (trouble.empty()) trouble = what + " in cycle " + std::to_string(counts.cycles);
    }

    void edge() {
        top.aclk = 0;
        top.eval();
        top.aclk = 1;
        top.eval();
    }

    bool holds_back() { return random.percent(manner.pauses); }

    uint64_t soon() { return counts.cycles + 1 + random.below(manner.latency + 1ull); }

    uint32_t response_at(uint64_t address) const {
        if (address < base || address - base >= memory.size()) return DECERR;
        const uint64_t last = address + DATA_BYTES - 1;
        return last >= fault_first && address <= fault_last ? SLVERR : OKAY;
    }

    // One clock cycle: what is transferred at its edge is seen before it, and the memory's and the
    // manager's signals change after it.
    void step() {
        top.aclk = 0;
        top.eval();
        observe();
        const bool r_leaves = top.m_axi_mem_rvalid && top.m_axi_mem_rready;
        const bool b_leaves = top.m_axi_mem_bvalid && top.m_axi_mem_bready;
        top.aclk = 1;
        top.eval();
        ++counts.cycles;
        if (r_leaves || !top.m_axi_mem_rvalid) offer_read();
        if (b_leaves || !top.m_axi_mem_bvalid) offer_answer();
        size_t waiting = writes.size();
        for (const auto& [id, queue] : reads) waiting += queue.size();
        top.m_axi_mem_arready = waiting < WAITING && !holds_back();
        top.m_axi_mem_awready = waiting < WAITING && !holds_back();
        top.m_axi_mem_wready = beats.size() < WAITING && !holds_back();
    }

    // The core's side of each channel, before the edge.
    void observe() {
        const auto& t = top;
        if (!ar.check(t.m_axi_mem_arvalid, t.m_axi_mem_arready,
                      bytes_of(t.m_axi_mem_arid, t.m_axi_mem_araddr, t.m_axi_mem_arlen)))
            fail("AR changed while it waited");
        if (!aw.check(t.m_axi_mem_awvalid, t.m_axi_mem_awready,
                      bytes_of(t.m_axi_mem_awid, t.m_axi_mem_awaddr, t.m_axi_mem_awlen)))
            fail("AW changed while it waited");
        if (!w.check(t.m_axi_mem_wvalid, t.m_axi_mem_wready,
                     bytes_of(t.m_axi_mem_wdata, t.m_axi_mem_wstrb, t.m_axi_mem_wlast)))
            fail("W changed while it waited");
        if (!control_b.check(t.s_axi_ctrl_bvalid, t.s_axi_ctrl_bready,
                             bytes_of(t.s_axi_ctrl_bresp)))
            fail("B of the registers changed while it waited");
        if (!control_r.check(t.s_axi_ctrl_rvalid, t.s_axi_ctrl_rready,
                             bytes_of(t.s_axi_ctrl_rresp, t.s_axi_ctrl_rdata)))
            fail("R of the registers changed while it waited");
        if (t.m_axi_mem_arvalid && t.m_axi_mem_arready) {
            const Request request = checked("AR", t.m_axi_mem_arid, t.m_axi_mem_araddr,
                                            t.m_axi_mem_arlen, t.m_axi_mem_arsize,
                                            t.m_axi_mem_arburst, t.m_axi_mem_arlock);
            auto& queue = reads[request.id];
            queue.push_back(request);
            // Bursts of small blocks are short: so many beats as whole ones have are the limit.
            uint32_t beats = 0;
            for (const Request& each : queue) beats += each.beats - each.done;
            const bool blocks = static_cast<int>(request.id) == BLOCKS_ID;
            if (blocks ? beats > OUTSTANDING * BURST : queue.size() > OUTSTANDING)
                fail("AR: more bursts than `outstanding`");
            ++counts.read_bursts;
        }
        if (t.m_axi_mem_awvalid && t.m_axi_mem_awready) {
            writes.push_back(checked("AW", t.m_axi_mem_awid, t.m_axi_mem_awaddr,
                                     t.m_axi_mem_awlen, t.m_axi_mem_awsize, t.m_axi_mem_awburst,
                                     t.m_axi_mem_awlock));
            ++counts.write_bursts;
        }
        if (t.m_axi_mem_wvalid && t.m_axi_mem_wready) {
            Beat beat;
            std::memcpy(beat.data, &t.m_axi_mem_wdata, DATA_BYTES);
            beat.strobe = t.m_axi_mem_wstrb;
            beat.last = t.m_axi_mem_wlast;
            beats.push_back(beat);
            ++counts.write_beats;
        }
        counts.read_waits += t.m_axi_mem_rvalid && !t.m_axi_mem_rready;
        take_writes();
    }

    Request checked(const char* channel, uint32_t id, uint64_t address, uint32_t len, uint32_t size,
                    uint32_t burst, uint32_t lock) {
        const std::string name = channel;
        Request request;
        request.address = address;
        request.id = id;
        request.beats = len + 1;
        request.ready_at = soon();
        const uint64_t bytes = uint64_t{request.beats} * DATA_BYTES;
        if (burst != 1) fail(name + ": burst is not INCR");
        if (1u << size != DATA_BYTES) fail(name + ": size is not the bus's");
        if (lock) fail(name + ": exclusive access");
        if (address % DATA_BYTES) fail(name + ": address is not aligned");
        if (address % PAGE + bytes > PAGE) fail(name + ": burst crosses 4 KB");
        if (request.beats > BURST) fail(name + ": burst is longer than `burst`");
        if (ADDRESS_WIDTH < 64 && (address + bytes - 1) >> (ADDRESS_WIDTH % 64))
            fail(name + ": burst ends beyond the last address");
        return request;
    }

    // Writes whose data are there are done, and answered later.
    void take_writes() {
        while (!writes.empty() && !beats.empty()) {
            Request& request = writes.front();
            const Beat beat = beats.front();
            const uint64_t address = request.address + uint64_t{request.done} * DATA_BYTES;
            const uint32_t found = response_at(address);
            beats.pop_front();
            if (found == OKAY) {
                for (uint32_t byte = 0; byte < DATA_BYTES; ++byte)
                    if (beat.strobe >> byte & 1) memory[address - base + byte] = beat.data[byte];
            }
            if (found > request.response) request.response = found;
            ++request.done;
            if (beat.last != (request.done == request.beats)) fail("W: last is not at the end");
            if (request.done < request.beats) continue;
            request.ready_at = soon();
            answers[request.id].push_back(request);
            writes.pop_front();
        }
    }

    // The ID, at random, of a queue whose first request is to be answered; false if there is none.
    bool choose(std::map<uint32_t, std::deque<Request>>& queues, uint32_t& id) {
        std::vector<uint32_t> due;
        for (const auto& [key, queue] : queues)
            if (!queue.empty() && queue.front().ready_at <= counts.cycles) due.push_back(key);
        if (due.empty() || holds_back()) return false;
        id = due[random.below(due.size())];
        return true;
    }

    void offer_read() {
        uint32_t id = 0;
        top.m_axi_mem_rvalid = choose(reads, id);
        if (!top.m_axi_mem_rvalid) return;
        Request& request = reads[id].front();
        const uint64_t address = request.address + uint64_t{request.done} * DATA_BYTES;
        const uint32_t found = response_at(address);
        if (found == OKAY) {
            std::memcpy(&top.m_axi_mem_rdata, &memory[address - base], DATA_BYTES);
        } else {
            // Data that come with an error are not to be used.
            std::memset(&top.m_axi_mem_rdata, 0xEE, DATA_BYTES);
        }
        top.m_axi_mem_rid = static_cast<uint8_t>(id);
        top.m_axi_mem_rresp = static_cast<uint8_t>(found);
        top.m_axi_mem_rlast = ++request.done == request.beats;
        ++counts.read_beats;
        if (top.m_axi_mem_rlast) reads[id].pop_front();
    }

    void offer_answer() {
        uint32_t id = 0;
        top.m_axi_mem_bvalid = choose(answers, id);
        if (!top.m_axi_mem_bvalid) return;
        top.m_axi_mem_bid = static_cast<uint8_t>(id);
        top.m_axi_mem_bresp = static_cast<uint8_t>(answers[id].front().response);
        answers[id].pop_front();
    }

    uint64_t open() const {
        uint64_t count = writes.size() + beats.size();
        for (const auto& [id, queue] : reads) count += queue.size();
        for (const auto& [id, queue] : answers) count += queue.size();
        return count + (top.m_axi_mem_rvalid != 0) + (top.m_axi_mem_bvalid != 0);
    }

    // Until a signal of the core is high before an edge, and over that edge.
    template <typename Signal>
    void until(const Signal& signal, const char* what) {
        for (uint32_t cycle = 0;; ++cycle) {
            top.aclk = 0;
            top.eval();
            const bool there = signal;
            step();
            if (there) return;
            if (cycle == manner.patience) return fail(std::string("registers: no ") + what);
        }
    }

    uint32_t read(uint32_t offset) {
        top.s_axi_ctrl_araddr = static_cast<uint16_t>(offset);
        top.s_axi_ctrl_arvalid = 1;
        until(top.s_axi_ctrl_arready, "arready");
        top.s_axi_ctrl_arvalid = 0;
        step_at_random();
        top.s_axi_ctrl_rready = 1;
        for (uint32_t cycle = 0;; ++cycle) {
            top.aclk = 0;
            top.eval();
            const bool there = top.s_axi_ctrl_rvalid;
            const uint32_t value = top.s_axi_ctrl_rdata;
            const uint32_t code = top.s_axi_ctrl_rresp;
            step();
            if (!there && cycle < manner.patience) continue;
            if (!there) fail("registers: no rvalid");
            top.s_axi_ctrl_rready = 0;
            response = code;
            return value;
        }
    }

    // Address and data in any order.
    void write(uint32_t offset, uint32_t value) {
        top.s_axi_ctrl_awaddr = static_cast<uint16_t>(offset);
        top.s_axi_ctrl_wdata = value;
        top.s_axi_ctrl_wstrb = 15;
        const uint64_t order = random.below(3);
        bool address_left = true, data_left = true;
        top.s_axi_ctrl_awvalid = order != 1;
        top.s_axi_ctrl_wvalid = order != 2;
        for (uint32_t cycle = 0; address_left || data_left; ++cycle) {
            top.aclk = 0;
            top.eval();
            const bool address_goes = top.s_axi_ctrl_awvalid && top.s_axi_ctrl_awready;
            const bool data_goes = top.s_axi_ctrl_wvalid && top.s_axi_ctrl_wready;
            step();
            address_left = address_left && !address_goes;
            data_left = data_left && !data_goes;
            if (cycle == manner.patience) return fail("registers: no awready or no wready");
            // The one that came later, some cycles on.
            top.s_axi_ctrl_awvalid = address_left && (top.s_axi_ctrl_awvalid || cycle >= 2);
            top.s_axi_ctrl_wvalid = data_left && (top.s_axi_ctrl_wvalid || cycle >= 2);
        }
        step_at_random();
        top.s_axi_ctrl_bready = 1;
        for (uint32_t cycle = 0;; ++cycle) {
            top.aclk = 0;
            top.eval();
            const bool there = top.s_axi_ctrl_bvalid;
            response = top.s_axi_ctrl_bresp;
            step();
            if (!there && cycle < manner.patience) continue;
            if (!there) fail("registers: no bvalid");
            top.s_axi_ctrl_bready = 0;
            return;
        }
    }

    void step_at_random() {
        while (holds_back()) step();
    }
};

mmio* mmio_open(uint64_t address, uint64_t size, mmio_manner manner) {
    return new mmio(address, size, manner);
}

void mmio_close(mmio* core) { delete core; }

uint32_t mmio_read32(void* context, uint32_t offset) {
    return static_cast<mmio*>(context)->read(offset);
}

void mmio_write32(void* context, uint32_t offset, uint32_t value) {
    static_cast<mmio*>(context)->write(offset, value);
}

uint32_t mmio_response(const mmio* core) { return core->response; }

int mmio_wait(void* context) {
    auto* core = static_cast<mmio*>(context);
    for (uint32_t cycle = 0; !mmio_interrupt(core); ++cycle) {
        if (cycle == core->manner.patience) return 1;
        core->step();
    }
    return 0;
}

void mmio_step(mmio* core, uint64_t cycles) {
    while (cycles--) core->step();
}

int mmio_interrupt(const mmio* core) { return core->top.__SYM__interrupt; }

uint8_t* mmio_memory(mmio* core) { return core->memory.data(); }

void mmio_fault(mmio* core, uint64_t first, uint64_t last) {
    core->fault_first = first;
    core->fault_last = last;
}

mmio_counts mmio_count(const mmio* core) {
    mmio_counts counts = core->counts;
    counts.open = core->open();
    return counts;
}

const char* mmio_trouble(const mmio* core) { return core->trouble.c_str(); }
