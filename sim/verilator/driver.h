// What the compiled driver, driver.cpp, sees of a design; the generated main program provides it.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace drive {

// A stream: where its signals lie in the model.
struct Stream {
    const char* name;
    bool input;
    uint8_t* payload;
    size_t bytes;
    CData* valid;
    CData* ready;
};

struct Model {
    CData* clk;
    CData* rst;
    const Stream* streams;
    size_t count;  // of streams

    Model(CData* clk, CData* rst, const Stream* streams, size_t count)
        : clk(clk), rst(rst), streams(streams), count(count) {}
    virtual void eval() = 0;
    virtual void final() = 0;
    virtual bool open(const char* waves) = 0;  // false if the build records no waves
    virtual void dump(uint64_t picoseconds) = 0;
    virtual void close() = 0;
};

int run(Model& model, int argc, char** argv);

}  // namespace drive
