// Drives a Verilated design with a serial line, as a host at the other end of its two wires would.
// Time stands still but for what standard input asks for; how long a bit is, is the host's affair.
//
// Arguments after --drive:
//   bit=CYCLES       length of a bit in clock cycles, which need not be a whole number
//   pause=PERCENT    share of bytes after which the host pauses, for up to 30 bits
//   seed=N           of these pauses
//
// Commands are a letter and a number of 32 bits, little-endian, as all numbers are:
//   w N, N bytes     put bytes behind those that are still to be sent
//   r N              run until a byte has come, at most N bits after the last one was sent
//   b N              forget what is still to be sent, but for the byte on the line; then hold the
//                    line low for N bits, and high for two
// Each is answered: cycles so far (64 bits), frames without a stop bit so far, the level of the LED,
// and the number of bytes that came (32 bits each), then these bytes.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <unistd.h>
#include <vector>

namespace drive {

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "serial: %s\n", message.c_str());
    std::exit(2);
}

// False at the end of standard input.
bool get(void* data, size_t size) {
    auto* at = static_cast<uint8_t*>(data);
    while (size) {
        const ssize_t got = ::read(0, at, size);
        if (got < 0) fail("cannot read commands");
        if (got == 0) return false;
        at += got;
        size -= static_cast<size_t>(got);
    }
    return true;
}

void put(const void* data, size_t size) {
    auto* at = static_cast<const uint8_t*>(data);
    while (size) {
        const ssize_t done = ::write(1, at, size);
        if (done < 0) fail("cannot answer");
        at += done;
        size -= static_cast<size_t>(done);
    }
}

struct Line {
    double bit = 0;  // in cycles
    uint32_t pause = 0;
    uint32_t state = 1;

    // To the design: levels and how many bits they last.
    struct Level {
        bool high;
        double bits;
    };
    std::deque<uint8_t> bytes;
    std::deque<Level> levels;
    double until = 0;
    bool high = true;

    // From it: the middle of the bit that is awaited, and which one it is; 0 is the start bit.
    double sample = 0;
    int place = -1;
    uint8_t byte = 0;
    uint32_t broken = 0;
    bool waits = false;
    std::vector<uint8_t> received;

    uint32_t random(uint32_t below) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state % below;
    }

    bool sends() const { return !bytes.empty() || !levels.empty(); }

    void frame(uint8_t data) {
        levels.push_back({false, 1});
        for (int n = 0; n < 8; ++n) levels.push_back({(data >> n & 1) != 0, 1});
        levels.push_back({true, 1});
        if (random(100) < pause) levels.push_back({true, random(3000) / 100.0});
    }

    // The level of the wire to the design in this cycle.
    bool drive(double now) {
        while (now >= until) {
            if (levels.empty()) {
                if (bytes.empty()) {
                    high = true;
                    until = now + 1;
                    break;
                }
                frame(bytes.front());
                bytes.pop_front();
            }
            high = levels.front().high;
            until += levels.front().bits * bit;
            levels.pop_front();
        }
        return high;
    }

    void listen(bool level, double now) {
        if (waits) {
            waits = !level;
            return;
        }
        if (place < 0) {
            if (level) return;
            place = 0;
            sample = now + bit / 2;
        }
        if (now < sample) return;
        sample += bit;
        if (place == 0) {
            place = level ? -1 : 1;
        } else if (place <= 8) {
            byte = static_cast<uint8_t>(byte >> 1 | level << 7);
            ++place;
        } else {
            place = -1;
            waits = !level;
            if (level) received.push_back(byte);
            else ++broken;
        }
    }
};

int run(int argc, char** argv) {
    VerilatedContext context;
    context.randReset(2);  // as in hardware, what has no initial value begins with any
    Vtop top{&context};
    Line line;
    for (int i = 2; i < argc; ++i) {
        const std::string argument = argv[i];
        const size_t equals = argument.find('=');
        const std::string name = argument.substr(0, equals);
        const char* value = argv[i] + (equals == std::string::npos ? argument.size() : equals + 1);
        if (name == "bit") line.bit = std::strtod(value, nullptr);
        else if (name == "pause") line.pause = static_cast<uint32_t>(std::atoi(value));
        else if (name == "seed") line.state = static_cast<uint32_t>(std::atoi(value)) * 2 + 1;
        else fail("unknown argument " + argument);
    }
    if (line.bit < 1) fail("a bit must last a cycle at least");

    uint64_t cycle = 0;
    const auto tick = [&] {
        top.uart_rx = line.drive(static_cast<double>(cycle));
        top.clk = 0;
        top.eval();
        top.clk = 1;
        top.eval();
        line.listen(top.uart_tx, static_cast<double>(cycle));
        ++cycle;
    };
    const auto pass = [&](double bits) {
        for (const double end = static_cast<double>(cycle) + bits * line.bit;
             static_cast<double>(cycle) < end;)
            tick();
    };

    // Configured; the line is idle for a while before a host is there.
    pass(20);
    char letter;
    uint32_t number;
    while (get(&letter, 1) && get(&number, sizeof number)) {
        if (letter == 'w') {
            std::vector<uint8_t> data(number);
            if (!get(data.data(), number)) fail("bytes are missing");
            line.bytes.insert(line.bytes.end(), data.begin(), data.end());
        } else if (letter == 'r') {
            while (line.received.empty() && line.sends()) tick();
            const double end = static_cast<double>(cycle) + number * line.bit;
            while (line.received.empty() && static_cast<double>(cycle) < end) tick();
        } else if (letter == 'b') {
            line.bytes.clear();
            while (line.sends()) tick();
            line.levels.push_back({false, static_cast<double>(number)});
            line.levels.push_back({true, 2});
            while (line.sends()) tick();
            pass(2);
        } else {
            fail("unknown command");
        }
        const uint32_t facts[3] = {line.broken, top.led,
                                   static_cast<uint32_t>(line.received.size())};
        put(&cycle, sizeof cycle);
        put(facts, sizeof facts);
        put(line.received.data(), line.received.size());
        line.received.clear();
    }
    top.final();
    return 0;
}

}  // namespace drive

int main(int argc, char** argv) {
    const bool driven = argc > 1 && std::strcmp(argv[1], "--drive") == 0;
    return driven ? drive::run(argc, argv) : cocotb_main(argc, argv);
}
