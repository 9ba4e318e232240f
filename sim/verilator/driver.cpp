// Feeds the input streams of a Verilated design from files and writes its output streams to files,
// with nothing but C++ between two clock edges. Compiled once, for the models of all designs.
//
// Arguments after --drive, in any order:
//   limit=N               most cycles
//   idle=N                most cycles in a row without a transfer
//   trace=FILE            record waves
//   in:STREAM=FD[,PATTERN]        words to offer, from file descriptor FD until its end
//   out:STREAM=FD,COUNT[,PATTERN]  where to write the COUNT words to take
// PATTERN is a file of bytes, one for each decision to stall (not 0) or not (0), used cyclically.
//
// A word of w bits is ceil(w / 8) bytes, little-endian. Prints one line of JSON, and exits with 0
// when all words were transferred, 3 at a limit of cycles, 2 on other errors.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

#include "driver.h"

namespace drive {

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "driver: %s\n", message.c_str());
    std::exit(2);
}

// The stalls of one stream, decision by decision.
struct Pattern {
    std::vector<uint8_t> stalls;
    size_t at = 0;

    void load(const char* name) {
        FILE* file = std::fopen(name, "rb");
        if (!file) fail(std::string("cannot read ") + name);
        uint8_t buffer[4096];
        for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
            stalls.insert(stalls.end(), buffer, buffer + n);
        std::fclose(file);
    }

    bool next() {
        if (stalls.empty()) return false;
        const bool stall = stalls[at] != 0;
        if (++at == stalls.size()) at = 0;
        return stall;
    }
};

constexpr size_t BUFFER = 1 << 20;

struct Source {
    Stream stream;
    int fd;
    Pattern pattern;
    std::vector<uint8_t> buffer;
    size_t at = 0, end = 0;
    bool offered = false, exhausted = false;
    uint64_t accepted = 0, first = 0, waited = 0;

    // Makes sure that a word is in the buffer; false at the end of the file. The clock stands
    // still meanwhile, so a slow reader costs time but no cycles.
    bool fetch() {
        if (end - at >= stream.bytes) return true;
        if (exhausted) return false;
        if (buffer.empty()) buffer.resize(BUFFER + stream.bytes);
        std::memmove(buffer.data(), buffer.data() + at, end - at);
        end -= at;
        at = 0;
        while (end < stream.bytes) {
            const ssize_t got = ::read(fd, buffer.data() + end, buffer.size() - end);
            if (got < 0) fail(std::string("cannot read the words of ") + stream.name);
            if (got == 0) {
                exhausted = true;
                if (end) fail(std::string("part of a word at the end of ") + stream.name);
                return false;
            }
            end += static_cast<size_t>(got);
        }
        return true;
    }

    // `ready` is what it was just before the edge of this cycle.
    void step(bool ready, uint64_t cycle) {
        if (offered) {
            if (!ready) {
                ++waited;
                return;
            }
            if (accepted++ == 0) first = cycle;
            offered = false;
        }
        if (!fetch() || pattern.next()) {
            *stream.valid = 0;
            return;
        }
        std::memcpy(stream.payload, buffer.data() + at, stream.bytes);
        at += stream.bytes;
        *stream.valid = 1;
        offered = true;
    }
};

struct Sink {
    Stream stream;
    int fd;
    uint64_t count;
    Pattern pattern;
    std::vector<uint8_t> buffer;
    bool open = false;
    uint64_t taken = 0, last = 0, waited = 0;

    void flush() {
        for (size_t at = 0; at < buffer.size();) {
            const ssize_t put = ::write(fd, buffer.data() + at, buffer.size() - at);
            if (put < 0) fail(std::string("cannot write the words of ") + stream.name);
            at += static_cast<size_t>(put);
        }
        buffer.clear();
    }

    // Before the edge, which changes the word.
    void take(uint64_t cycle) {
        if (!open || !*stream.valid) {
            waited += open;
            return;
        }
        buffer.insert(buffer.end(), stream.payload, stream.payload + stream.bytes);
        last = cycle;
        ++taken;
        if (buffer.size() >= BUFFER) flush();
    }

    void step() {
        open = !pattern.next();
        *stream.ready = open;
    }
};

struct Job {
    uint64_t limit = ~0ull, idle = ~0ull;
    std::string trace;
    std::vector<Source> sources;
    std::vector<Sink> sinks;

    Job(const Model& model, int argc, char** argv) {
        for (int i = 2; i < argc; ++i) {
            const std::string argument = argv[i];
            const size_t equals = argument.find('=');
            if (equals == std::string::npos) fail("unknown argument " + argument);
            const std::string name = argument.substr(0, equals);
            const std::string value = argument.substr(equals + 1);
            if (name == "limit") limit = std::strtoull(value.c_str(), nullptr, 10);
            else if (name == "idle") idle = std::strtoull(value.c_str(), nullptr, 10);
            else if (name == "trace") trace = value;
            else if (name.rfind("in:", 0) == 0) add_source(find(model, name.substr(3)), value);
            else if (name.rfind("out:", 0) == 0) add_sink(find(model, name.substr(4)), value);
            else fail("unknown argument " + argument);
        }
    }

    static Stream find(const Model& model, const std::string& name) {
        for (size_t i = 0; i < model.count; ++i)
            if (name == model.streams[i].name) return model.streams[i];
        fail("no stream " + name);
    }

    void add_source(const Stream& stream, const std::string& value) {
        Source source{};
        source.stream = stream;
        char* rest = nullptr;
        source.fd = static_cast<int>(std::strtol(value.c_str(), &rest, 10));
        if (*rest == ',') source.pattern.load(rest + 1);
        sources.push_back(std::move(source));
    }

    void add_sink(const Stream& stream, const std::string& value) {
        Sink sink{};
        sink.stream = stream;
        char* rest = nullptr;
        sink.fd = static_cast<int>(std::strtol(value.c_str(), &rest, 10));
        if (*rest != ',') fail("no count of words for " + std::string(stream.name));
        sink.count = std::strtoull(rest + 1, &rest, 10);
        if (*rest == ',') sink.pattern.load(rest + 1);
        sinks.push_back(std::move(sink));
    }

    // `left` tells whether input words are left over, `pending` whether a stream has an offered word
    // or lacks words of results.
    void report(uint64_t cycles, uint64_t still) {
        // A run that was ended early does not wait for the host's next words.
        const bool complete = done();
        bool left = false;
        for (Source& source : sources)
            left = left || source.offered || (complete && source.fetch());
        std::printf("{\"cycles\": %llu, \"idle\": %llu, \"left\": %s, \"streams\": {",
                    static_cast<unsigned long long>(cycles), static_cast<unsigned long long>(still),
                    left ? "true" : "false");
        const char* comma = "";
        const auto line = [&](const Stream& stream, uint64_t words, const char* what, uint64_t when,
                              uint64_t waited, bool pending) {
            std::printf("%s\"%s\": {\"words\": %llu, \"%s\": %llu, \"waited\": %llu, "
                        "\"pending\": %s}",
                        comma, stream.name, static_cast<unsigned long long>(words), what,
                        static_cast<unsigned long long>(when),
                        static_cast<unsigned long long>(waited), pending ? "true" : "false");
            comma = ", ";
        };
        for (const Source& s : sources)
            line(s.stream, s.accepted, "first", s.first, s.waited, s.offered);
        for (const Sink& s : sinks)
            line(s.stream, s.taken, "last", s.last, s.waited, s.taken < s.count);
        std::printf("}}\n");
    }

    uint64_t transfers() const {
        uint64_t words = 0;
        for (const Source& source : sources) words += source.accepted;
        for (const Sink& sink : sinks) words += sink.taken;
        return words;
    }

    bool done() const {
        for (const Sink& sink : sinks)
            if (sink.taken < sink.count) return false;
        return true;
    }
};

int run(Model& model, int argc, char** argv) {
    Job job(model, argc, argv);
    const bool traced = !job.trace.empty();
    if (traced && !model.open(job.trace.c_str())) fail("this build records no waves");
    uint64_t time = 0;
    const auto evaluate = [&](CData level) {
        *model.clk = level;
        model.eval();
        if (traced) model.dump(1000 * time++);  // a cycle is 2 ns, as in the test benches
    };
    const auto tick = [&] {
        evaluate(0);
        evaluate(1);
    };

    for (size_t i = 0; i < model.count; ++i) {
        const Stream& stream = model.streams[i];
        *(stream.input ? stream.valid : stream.ready) = 0;
    }
    *model.rst = 1;
    for (int cycle = 0; cycle < 3; ++cycle) tick();
    *model.rst = 0;
    tick();

    std::vector<CData> ready(job.sources.size());
    uint64_t cycle = 0, still = 0, transfers = 0;
    // Some cycles after the last result, in which a word too many would come.
    for (int after = 0; after < 20; after += job.done()) {
        if (cycle == job.limit || still == job.idle) break;
        ++cycle;
        evaluate(0);
        for (size_t i = 0; i < ready.size(); ++i) ready[i] = *job.sources[i].stream.ready;
        for (Sink& sink : job.sinks) sink.take(cycle);
        evaluate(1);
        for (size_t i = 0; i < ready.size(); ++i) job.sources[i].step(ready[i], cycle);
        for (Sink& sink : job.sinks) sink.step();
        const uint64_t now = job.transfers();
        still = now == transfers ? still + 1 : 0;
        transfers = now;
    }
    for (Sink& sink : job.sinks) sink.flush();
    model.final();
    if (traced) model.close();
    job.report(cycle, still);
    return job.done() ? 0 : 3;
}

}  // namespace drive
