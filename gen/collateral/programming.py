"""How software runs a job on a core behind AXI, step by step, for the register map in Markdown."""

from ...sim.manifest import Manifest
from .register_bank import RegisterBank

__all__ = ["programming_sequence"]


def programming_sequence(manifest: Manifest) -> list[str]:
    """Lines of Markdown: the steps of a job, and the recovery from errors.

    Empty for a core without registers behind AXI4-Lite.
    """
    if "control" not in manifest.bus:
        return []
    steps = _Steps(manifest)
    write_job = steps.memory_job if "memory" in manifest.bus else steps.stream_job
    origin = "The C driver beside this file does these steps."
    if steps.walk:
        origin = "A core that walks has no C driver yet: these are its steps."
    if not manifest.bus["streams"]:
        write_job, origin = steps.program, "A core that runs programs has no C driver yet."
    return [
        "",
        "## Programming sequence",
        "",
        origin,
        "",
        *(f"{number}. {step}" for number, step in enumerate(write_job(), 1)),
        "",
        "## Recovery from errors",
        "",
        *(f"- {line}" for line in steps.recovery()),
    ]


class _Steps:
    """Steps as sentences, with offsets and values of one core."""

    def __init__(self, manifest):
        self.bus = manifest.bus
        self.bank = RegisterBank(manifest.bus)
        self.inputs = manifest.inputs
        self.walk = self.bus.get("walk")
        self.line = f"`{self.bus['interrupt']}`"
        self.data_bytes = self.bus["data_width"] // 8
        self.clear = self.write("INTERRUPT", "done", "error")

    def register(self, name):
        return f"`{name}` ({self.bank.offset(name):#05x})"

    def write(self, name, *fields):
        """The fields of a register written as 1."""
        return f"write {self.bank.mask(name, *fields):#x} to {self.register(name)}"

    def program(self):
        return [
            self.identify(),
            self.reset(),
            "**Memory.** Write the program, at a multiple of the bus's bytes and of 32, and the "
            "segments that it reads to memory, and write caches back to memory.",
            "**Segments.** Write the address of each segment to `BASE_LOW_<SEGMENT>` and, bits 32 "
            "and above, to `BASE_HIGH_<SEGMENT>`, and the number of instructions to "
            f"{self.register('LENGTH')}.",
            self.events(),
            f"**Start.** {_sentence(self.write('COMMAND', 'clear', 'start'))}: `clear` sets the "
            "counters to 0, and `start` begins the program.",
            self.wait("the program has come to its HALT, with all results in memory"),
            f"{self.acknowledge()} Then invalidate caches and read the results, and the counters "
            "if wanted: `CYCLES_LOW` before `CYCLES_HIGH`.",
        ]

    def memory_job(self):
        return [
            self.identify(),
            self.reset(),
            "**Operands.** Write the words of each input stream to memory, at addresses that are "
            f"multiples of {self.data_bytes} bytes, and write caches back to memory, for the "
            "buffer of the results, too.",
            *self.index(),
            f"**Addresses.** {self.addresses()}",
            "**Counts.** Write the number of words of each stream to `COUNT_<STREAM>`, the exact "
            "number of results for the results. A stream without words has the count 0.",
            self.events(),
            f"**Start.** {_sentence(self.write('COMMAND', 'clear', 'start'))}: `clear` sets the "
            "counters to 0, and `start` begins the job. Addresses and counts may be written again "
            "for the next job when the job has ended.",
            self.wait("the job has ended, with all results in memory"),
            f"{self.acknowledge()} Then invalidate caches and read the results, and the counters "
            "if wanted: `CYCLES_LOW` before `CYCLES_HIGH`.",
        ]

    def stream_job(self):
        streams = ", ".join(f"`{self.bus['streams'][name]['interface']}`" for name in self.inputs)
        results = self.bus["streams"]["results"]["interface"]
        return [
            self.identify(),
            self.reset(),
            self.events(),
            f"**Counters.** {_sentence(self.write('COMMAND', 'clear'))} to set the counters to 0.",
            f"**Results.** Let the DMA receive a packet at `{results}` before operands are sent: "
            "the core waits when nobody takes results.",
            f"**Operands.** Send the words of each input stream as one packet, with `TLAST` in its "
            f"last beat, at {streams}. A stream without words gets no packet. Send all packets at "
            "the same time: the core takes words of each stream as it needs them.",
            self.wait("the last beat of the results has left"),
            f"{self.acknowledge()} The counters are `CYCLES_LOW`, read before `CYCLES_HIGH`, and "
            "`WORDS_<STREAM>` and `WAITS_<STREAM>`.",
        ]

    def identify(self):
        checks = [
            f"{self.register(name)} reads {self.bank.reset(name):#010x}"
            for name in ("ID", "DIGEST", "REVISION")
        ]
        return (
            f"**Identify,** once. {checks[0]}; the upper half of {self.register('VERSION')}, the "
            f"major version, reads {self.bank.reset('VERSION') >> 16}; {checks[1]}; {checks[2]}."
        )

    def reset(self):
        return (
            "**Reset,** once, and after an error that calls for it. "
            f"{_sentence(self.write('CONTROL', 'reset'))}, then 0, and read "
            f"{self.register('STATUS')} until `resetting` is 0. Other registers keep their values; "
            f"{self.clear} to clear events."
        )

    def index(self):
        """How the operands of a wrapper that walks lie in memory."""
        if not self.walk:
            return []
        rows = self.walk["rows"]
        return [
            "**Index.** `row_ptr` has an entry for each group of columns of W, where its tiles "
            "begin in `col_idx`, and the number of all tiles at last; `col_idx` has the number of "
            f"each tile along K, from 0. The words of `{rows}` are those of A once, tile by tile "
            "along K; each tile begins with a beat. A group without tiles takes a tile of weights "
            f"that are 0. Write what all tiles have in common to {self.register('TILE')}, and the "
            f"words of `{rows}` of a tile to {self.register('TILE_WORDS')}.",
        ]

    def addresses(self):
        low = "Write the address of each stream to `ADDRESS_LOW_<STREAM>`"
        if self.bus["address_width"] > 32:
            return f"{low} and, bits 32 and above, to `ADDRESS_HIGH_<STREAM>`."
        return f"{low}."

    def events(self):
        return (
            f"**Events.** {_sentence(self.clear)} to clear events of the past, and "
            f"{self.write('INTERRUPT_ENABLE', 'done', 'error')} to be interrupted, or 0 to poll."
        )

    def wait(self, event):
        return (
            f"**Wait** until {self.line} is asserted, or poll {self.register('INTERRUPT')} until "
            f"it is not 0. `done` is set when {event}; `error` is set when an error has occurred."
        )

    def acknowledge(self):
        return (
            "**Acknowledge.** Read `INTERRUPT`; if `error` is set, read "
            f"{self.register('ERROR')} and go to the recovery below. Write the value that was read "
            f"to `INTERRUPT`, which clears these events and {self.line}."
        )

    def index_recovery(self, remedy):
        if not self.walk:
            return []
        return [
            "`RANGE` while the job runs: an entry of `row_ptr` is out of order, or, with the "
            f"stream `{self.walk['rows']}`, one of `col_idx` is beyond the rows of A. The results "
            f"are invalid: {remedy}.",
        ]

    def recovery(self):
        reset = "reset the core as in step 2"
        again = "and run the job again"
        if "memory" in self.bus:
            return [
                "`LENGTH`, `ALIGNMENT`, `RANGE`: the job has not begun. Correct the count or "
                "address of the stream `ERROR.stream`, clear `INTERRUPT.error`, and start again.",
                *self.index_recovery(f"{reset}, correct the index, {again}"),
                "`BUSY`: the start had no effect. While `STATUS.busy` is 1, the job before runs "
                "on: clear `INTERRUPT.error` and wait for it. When `STATUS.busy` is 0, words of "
                f"the job before are left: {reset}, {again}.",
                "`READ`, `WRITE`: the memory answered with an error. The job runs on, but its "
                f"results are invalid: {reset}, {again}.",
                "No event: counts do not match, the words of a stream are wrong, or the memory "
                f"does not answer. {_sentence(reset)}, which ends the transfers on the bus; "
                "`resetting` stays 1 until the memory has answered all of them.",
            ]
        return [
            "`FRAMING`: a packet of the stream `ERROR.stream` had a part of a word, which was "
            f"dropped. Stop the DMA, {reset}, {again}.",
            "No event: a stream has too few words, or a word is wrong. Stop the DMA and "
            f"{reset}. While `CONTROL.reset` is 1, beats of operands are taken and dropped.",
            "A beat of results that is offered stays offered during the reset, and `resetting` is "
            "1 until it is taken: let the DMA receive, and drop, what comes until `resetting` is "
            "0.",
        ]


def _sentence(text):
    """A text as the beginning of a sentence."""
    return text[0].upper() + text[1:]
