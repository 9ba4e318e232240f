"""Deliberate defects: does each unit's testbench notice when the unit is broken?

``python tests/lib/defects.py [UNIT…]`` breaks the units, or those named, one defect at a time in
a copy of the package, runs the testbench on the cases of the unit's tests until one fails, and
prints which test of the bench it was. Exit status 1 if a defect survives or cannot be applied.

A defect that no bench can see is not one: each changes what the unit promises to those around it.
"""

import argparse
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Defect(NamedTuple):
    """``old``, which must occur exactly once in the file, becomes ``new``; ``effect`` is the fault.

    ``case`` may name the case that is tried first: not every case has the broken part.
    """

    file: str
    old: str
    new: str
    effect: str
    case: str = ""


REQUANTIZE = "hdl/arith/requantize.py"
MULTIPLY = "hdl/arith/multiply.py"
DECODER = "hdl/formats/decoder.py"
OPERAND = "hdl/formats/operand.py"
TYPE_SET = "hdl/formats/type_set.py"
HALF = "hdl/formats/half.py"
FLINT = "hdl/formats/flint.py"
OLIVE = "hdl/formats/olive.py"
SMALL_FLOAT = "hdl/formats/small_float.py"
POSIT = "hdl/formats/posit.py"
POWER_OF_TWO = "hdl/formats/power_of_two.py"
PAIRS = "hdl/formats/pairs.py"
PAIR_DECODER = "hdl/formats/pair_decoder.py"
SPECIAL_DETECTOR = "hdl/formats/special_detector.py"
TAG = "hdl/stream/tag.py"
FIFO = "hdl/stream/fifo.py"
REGISTER_SLICE = "hdl/stream/register_slice.py"
PE_WS = "hdl/systolic/pe_ws.py"
PE_OS = "hdl/systolic/pe_os.py"
MESH_WS = "hdl/systolic/mesh_ws.py"
MESH_OS = "hdl/systolic/mesh_os.py"
GRID = "hdl/array/grid.py"
SKEW = "hdl/array/skew.py"
DELAY = "hdl/array/delay.py"
LOADER = "hdl/array/loader.py"
ACCUMULATOR = "hdl/output/accumulator.py"
OUTPUT_CHANNEL = "hdl/output/output_channel.py"
OUTPUT_STAGE = "hdl/output/output_stage.py"
SEQUENCER_WS = "hdl/systolic/sequencer_ws.py"
SEQUENCER_OS = "hdl/systolic/sequencer_os.py"
BORDER = "hdl/array/border.py"
GEMM_WS = "hdl/systolic/gemm_ws.py"
GEMM_OS = "hdl/systolic/gemm_os.py"
BITBRICK = "hdl/fusion/bitbrick.py"
MODE = "hdl/fusion/mode.py"
FUSION_UNIT = "hdl/fusion/fusion_unit.py"
FUSION_MAC = "hdl/fusion/fusion_mac.py"
MODE_SWITCH = "hdl/fusion/mode_switch.py"
UNPACK = "hdl/fusion/unpack.py"
PE_FUSION = "hdl/fusion/pe_fusion.py"
MESH_FUSION = "hdl/fusion/mesh_fusion.py"
GEMM_FUSION = "hdl/fusion/gemm_fusion.py"
ACTIVATIONS = "hdl/sparse/activations.py"
COLUMN_READER = "hdl/sparse/column_reader.py"
ENTRY_READER = "hdl/sparse/entry_reader.py"
LNZD = "hdl/sparse/lnzd.py"
WRITE_BACK = "hdl/sparse/write_back.py"
PE_EIE = "hdl/sparse/pe_eie.py"
EIE = "hdl/sparse/eie.py"
UART_RX = "hdl/bus/uart_rx.py"
UART_TX = "hdl/bus/uart_tx.py"
UART_LINK = "hdl/bus/uart_link.py"
UART_TOP = "hdl/bus/uart_top.py"
AXI_READER = "hdl/bus/axi_reader.py"
AXI_WRITER = "hdl/bus/axi_writer.py"
DMA = "hdl/bus/dma.py"
TRANSFER_CHECKER = "hdl/bus/transfer_checker.py"
READ_PORT = "hdl/bus/read_port.py"
REGISTER_BANK = "hdl/bus/register_bank.py"
REGISTERS = "hdl/bus/registers.py"
AXI_LITE = "hdl/bus/axi_lite.py"
BEATS_TO_WORDS = "hdl/bus/beats_to_words.py"
WORDS_TO_BEATS = "hdl/bus/words_to_beats.py"
RESULT_PACKETIZER = "hdl/bus/result_packetizer.py"
SHELL = "hdl/bus/shell.py"
AXIS_TOP = "hdl/bus/axis_top.py"
AXI_TOP = "hdl/bus/axi_top.py"

DEFECTS = {
    "requantize": [
        Defect(
            REQUANTIZE,
            "round_up.eq(fine[1] & (fine[0] | fine[2]))",
            "round_up.eq(fine[1])",
            "ties round up, not to even",
        ),
        Defect(
            REQUANTIZE,
            "lost = value[: distance + 1].any()",
            "lost = value[distance]",
            "what is shifted out far below the half is forgotten",
        ),
        Defect(
            REQUANTIZE,
            "narrow = saturated(m, fine[2:].as_signed(), self.out_shape.width + 3)",
            "narrow = fine[2 : self.out_shape.width + 5].as_signed()",
            "large values wrap instead of saturating",
        ),
        Defect(
            REQUANTIZE,
            "low, high = parameter(at + 1,",
            "low, high = parameter(at,",
            "the limits change a cycle before the value that they clamp",
        ),
        Defect(
            REQUANTIZE,
            'width = self.parameters["acc_width"] + 1',
            'width = self.parameters["acc_width"]',
            "the sum of accumulator and bias loses its carry",
        ),
        Defect(
            REQUANTIZE,
            "signed(max(len(narrow), self.out_shape.width + 1) + 1)",
            "signed(len(narrow) + 1)",
            "a zero point that is wider than the accumulator loses its upper bits",
        ),
    ],
    "decoder": [
        Defect(
            FLINT,
            "exponent = Mux(top, zeros + 1, 0)",
            "exponent = Mux(top, zeros, 0)",
            "the exponent of large flints is one less",
            "flint4",
        ),
        Defect(
            FLINT,
            'normalised = named(m, f"{name}_normalised", (low << zeros)[: len(low)])',
            "normalised = low",
            "flints with an exponent are not normalised",
            "all-5-bit",
        ),
        Defect(
            OLIVE,
            "outlier & ~self.mark(code)",
            "outlier",
            "the second of two marks is an outlier",
            "ovp_int4",
        ),
        Defect(
            OLIVE,
            "code[-1] & ~self.mark(code)",
            "code[-1]",
            "a victim counts as the least integer",
            "ovp_int4",
        ),
        Defect(
            OLIVE,
            '"int8_e2m5": (8, 2, 5, 2)',
            '"int8_e2m5": (8, 2, 5, 3)',
            "the outliers of one format have another's bias",
            "all-8-bit",
        ),
        Defect(
            SMALL_FLOAT,
            "Cat(fraction[0] & ~self.special(code), fraction[1:])",
            "fraction",
            "NaN counts as more than the greatest finite number",
            "e4m3",
        ),
        Defect(
            SMALL_FLOAT,
            "fraction = fraction | special.replicate(2)",
            "pass",
            "infinities have the least fraction of their exponent",
            "all-8-bit",
        ),
        Defect(
            SMALL_FLOAT,
            "exponent = (field - normal)[: self.exponent_bits]",
            "exponent = field",
            "normal numbers are twice as large, subnormal ones not",
            "e4m3",
        ),
        Defect(
            SMALL_FLOAT,
            'named(m, f"{self.name}_nonzero", code[:-1].any())',
            'named(m, f"{self.name}_nonzero", code.any())',
            "an AdaptivFloat has a negative zero that is none",
            "all-3-bit",
        ),
        Defect(
            POSIT,
            "Mux(sign, -code, code)",
            "Mux(sign, ~code, code)",
            "negative posits are read as if of one's complement",
            "all-3-bit",
        ),
        Defect(
            POSIT,
            "field << (self.es - regime.exponent_bits)",
            "field",
            "exponents of posits that the word cuts off are not filled with zeros",
            "all-5-bit",
        ),
        Defect(
            POWER_OF_TWO,
            "Cat((low - 1)[: len(low)], top & low.any())",
            "magnitude",
            "powers of two are the next ones",
            "all-3-bit",
        ),
        Defect(
            POWER_OF_TWO,
            "5: [(1, 4, 6), (0, 3, 5), (2,)]",
            "5: [(1, 4, 6), (2,), (0, 3, 5)]",
            "the terms of a sum have each other's bits",
            "all-5-bit",
        ),
        Defect(
            HALF,
            "code.as_signed() if self.high and self.whole.lowest < 0 else code",
            "code.as_signed() if self.whole.lowest < 0 else code",
            "the low half of an integer has a sign",
            "int4-halves",
        ),
        Defect(
            HALF,
            "Mux(apart, 0, code[:4])",
            "code[:4]",
            "an outlier has a low half",
            "pairs-halves",
        ),
        Defect(
            TYPE_SET,
            "types += [Half(member, True), Half(member, False)]",
            "types += [Half(member, False), Half(member, True)]",
            "the low half comes first",
            "int4-halves",
        ),
        Defect(
            OPERAND,
            "min(term.lowest for term in column)",
            "column[0].lowest",
            "mantissas are as wide as the first of several formats needs",
            "all-4-bit",
        ),
        Defect(
            DECODER,
            "code = self.code[fmt.bits - type_.bits :]",
            "code = self.code[: kind.bits]",
            "narrow codes are looked for in the low bits",
            "pairs-halves",
        ),
        Defect(
            DECODER,
            "(Mux(special, 0, mantissa), exponent)",
            "(mantissa, exponent)",
            "flagged codes count",
            "e4m3-flag",
        ),
        Defect(
            DECODER,
            "(0 if special is None else special for _, special in choices)",
            "(special for _, special in choices if special is not None)",
            "flags belong to other types",
            "8-bit-flag",
        ),
        Defect(
            DECODER,
            "                type_index = later\n",
            "                type_index = type_index\n",
            "all lanes have one type at a time",
            "bank-4-types",
        ),
        Defect(
            DECODER,
            "m.d.comb += unit.outlier.eq(code[-1])",
            "m.d.comb += unit.outlier.eq(code[-2])",
            "a lane's sign makes its code an outlier",
            "bank-1-pairs",
        ),
    ],
    "pairs": [
        Defect(
            PAIRS,
            "register.take.eq(register.held & (~present | moves))",
            "register.take.eq(register.held & ~present)",
            "half the throughput",
        ),
        Defect(
            PAIRS,
            "self.o.valid.eq(present & (second | register.held))",
            "self.o.valid.eq(present)",
            "the first word of a pair does not wait for the second",
        ),
        Defect(
            PAIRS,
            "self.o.valid.eq(present & (second | register.held))",
            "self.o.valid.eq(present & register.held)",
            "the second word of a pair waits for the next pair",
        ),
        Defect(
            PAIRS,
            "first_marks.eq(Cat(_is_mark(code) for code in codes))",
            "first_marks.eq(outlier)",
            "the second word has the marks beside the first",
        ),
        Defect(
            PAIRS,
            "second.eq(~second)",
            "second.eq(register.held)",
            "a pause between two pairs does not end the first",
        ),
        Defect(
            PAIRS,
            "second = Signal()",
            "second = Signal(reset_less=True)",
            "a reset leaves half a pair",
        ),
        Defect(
            PAIRS,
            "Cat(Cat(code, outlier[lane])",
            "Cat(Cat(code, outlier[0])",
            "all lanes have the first one's outliers",
        ),
        Defect(
            PAIRS,
            "return code == 1 << (len(code) - 1)",
            "return code[-1]",
            "every negative number is a mark",
        ),
    ],
    "special_detector": [
        Defect(
            SPECIAL_DETECTOR,
            "self.i.word_select(lane, fmt.lane_width)[: fmt.bits]",
            "self.i.word_select(lane, fmt.bits)",
            "what says that a neighbour is a mark is taken for a bit of the codes",
            "4-pairs",
        ),
        Defect(
            SPECIAL_DETECTOR,
            "type_.special(code[fmt.bits - type_.bits :])",
            "type_.special(code[: type_.bits])",
            "narrow codes are looked for in the low bits",
            "3-halves",
        ),
        Defect(
            SPECIAL_DETECTOR,
            "reduce(or_, special) & selected",
            "reduce(or_, special)",
            "codes are special that are so in another type alone",
            "2-set",
        ),
        Defect(
            SPECIAL_DETECTOR,
            'range(self.parameters["lanes"])',
            'range((self.parameters["lanes"] + 1) // 2)',
            "the last lanes are not looked at",
        ),
        Defect(
            SPECIAL_DETECTOR,
            "self.o.eq(reduce(or_, flags))",
            "self.o.eq(flags[0])",
            "the first type with special values is the only one",
            "2-set",
        ),
        Defect(
            SMALL_FLOAT,
            "code[self.mantissa_bits : -1].all()",
            "code[:-1].all()",
            "of an exponent of ones one code alone is special",
            "1-e5m2",
        ),
        Defect(
            POSIT,
            "return code == 1 << (self.bits - 1)",
            "return code[:-1] == 0",
            "a posit of zero is no number",
            "33-posit3",
        ),
    ],
    "pair_decoder": [
        Defect(
            PAIR_DECODER,
            'halves if self.parameters["even"] == "low" else reversed(halves)',
            "halves",
            "the even element is always in the low half",
            "ovp_int4-high-zeros",
        ),
        Defect(
            PAIR_DECODER,
            "decoder.outlier.eq(fmt.mark(neighbour))",
            "decoder.outlier.eq(fmt.mark(code))",
            "a mark is its own neighbour",
        ),
        Defect(
            PAIR_DECODER,
            "m.If(fmt.mark(even) & fmt.mark(odd))",
            "m.If(fmt.mark(even))",
            "the odd element of every victim's pair is the undefined one",
            "ovp_int4-low-outlier",
        ),
        Defect(
            PAIR_DECODER,
            "exponent.eq(fmt.bias)",
            "exponent.eq(0)",
            "the undefined outlier has no exponent",
            "ovp_int4-low-outlier",
        ),
        Defect(
            PAIR_DECODER,
            "mantissa.eq(-(1 << fmt.mantissa_bits))",
            "mantissa.eq(1 << fmt.mantissa_bits)",
            "the undefined outlier has no sign",
            "ovp_int4-low-outlier",
        ),
        Defect(
            PAIR_DECODER,
            "fmt.operand.parts(self.odd)",
            "fmt.operand.parts(self.even)",
            "of two marks the odd one is the victim",
            "ovp_int4-low-outlier",
        ),
        Defect(
            FLINT,
            "exponent = Mux(top, zeros + 1, 0)",
            "exponent = Mux(top, zeros, 0)",
            "the exponent of large flints is one less",
            "ovp_flint4-low-zeros",
        ),
        Defect(
            OLIVE,
            '"int8": (8, 4, 3, 4)',
            '"int8": (8, 4, 3, 3)',
            "outliers have half their value",
            "ovp_int8-low-zeros",
        ),
    ],
    "tag": [
        Defect(
            TAG,
            "self.tags.ready.eq(moves & (number == last))",
            "self.tags.ready.eq(moves)",
            "each word takes a tag",
        ),
        Defect(
            TAG,
            "self.tags.ready.eq(moves & (number == last))",
            "self.tags.ready.eq(self.o.ready & (number == last))",
            "a tag leaves while its last word is missing",
        ),
        Defect(
            TAG,
            "self.i.ready.eq(self.o.ready & self.tags.valid)",
            "self.i.ready.eq(self.o.ready)",
            "words without a tag are lost",
        ),
        Defect(
            TAG,
            "self.o.valid.eq(self.i.valid & self.tags.valid)",
            "self.o.valid.eq(self.tags.valid)",
            "words are offered that are not there",
        ),
        Defect(
            TAG,
            "            with m.If(number == last):\n                m.d.sync += number.eq(0)\n",
            "",
            "the second tag has as many words as a power of two",
        ),
        Defect(
            TAG,
            "number = Signal(index_shape(last + 1))",
            "number = Signal(index_shape(last + 1), reset_less=True)",
            "a reset leaves a tag half used",
        ),
        Defect(
            TAG,
            "Cat(self.i.payload, self.tags.payload)",
            "Cat(self.tags.payload, self.i.payload)",
            "the tag is below the word",
        ),
    ],
    "fifo": [
        Defect(
            FIFO,
            "self.i.ready.eq(queue.w_rdy)",
            "self.i.ready.eq(queue.w_rdy | queue.r_en)",
            "ready depends on the other side within a cycle, and a full queue loses a word",
        ),
        Defect(
            FIFO,
            "queue.r_en.eq(self.o.ready)",
            "queue.r_en.eq(1)",
            "a word leaves though nobody takes it",
        ),
        Defect(
            FIFO,
            "queue_class(**self.parameters)",
            "queue_class(**self.parameters | {'depth': self.parameters['depth'] - 1})",
            "a place less",
        ),
        Defect(
            FIFO,
            "queue_class = fifo.SyncFIFO if self.latency == 1 else fifo.SyncFIFOBuffered",
            "queue_class = fifo.SyncFIFOBuffered",
            "shallow queues take a cycle more",
        ),
        Defect(
            FIFO,
            "queue.w_en.eq(self.i.valid)",
            "queue.w_en.eq(self.i.valid & ~queue.r_rdy)",
            "a word that comes while another waits is lost",
        ),
        Defect(
            FIFO,
            "Cat(put | two | (some & ~get),",
            "Cat(put | (some & ~get),",
            "the second of two words is forgotten when the first leaves",
            "1x2",
        ),
        Defect(
            FIFO,
            "(two | (some & put)) & ~get)",
            "two | (some & put))",
            "two words fill the queue for ever",
            "1x2",
        ),
        Defect(
            FIFO,
            "reads.eq(reads ^ get)",
            "reads.eq(reads ^ self.o.ready)",
            "who waits for a word takes the other one's place",
            "1x2",
        ),
    ],
    "register_slice": [
        Defect(
            REGISTER_SLICE,
            "self.i.ready.eq(~self.held | self.take)",
            "self.i.ready.eq(~self.held)",
            "half the throughput",
        ),
        Defect(
            REGISTER_SLICE,
            "with m.If(self.i.ready):",
            "with m.If(self.i.ready & self.i.valid):",
            "the word is still held after it was taken",
        ),
        Defect(
            REGISTER_SLICE,
            "self.word.eq(word)]",
            "self.word.eq(self.i.payload)]",
            "the word is that of the input, not the held one",
        ),
        Defect(
            REGISTER_SLICE,
            "self.i.ready.eq(~self.held | self.take)",
            "self.i.ready.eq(1)",
            "a word that waits is replaced",
        ),
        Defect(
            REGISTER_SLICE,
            '"held": Out(1)',
            '"held": Out(1, init=1)',
            "a word is held after a reset",
        ),
    ],
    "pe_ws": [
        Defect(
            PE_WS,
            "    with m.If(pe.shift):\n        m.d.sync += shadow.eq(pe.weights)",
            "    m.d.sync += shadow.eq(pe.weights)",
            "the shadow does not wait for shift",
        ),
        Defect(
            PE_WS,
            "m.d.sync += weight.eq(shadow)",
            "m.d.sync += weight.eq(pe.weights)",
            "the weight in use is the next PE's",
        ),
        Defect(
            PE_WS,
            'acts if self.parameters["pipeline"] == 2 else self.acts,',
            "self.acts,",
            "the operand register is missing with pipeline 2",
        ),
        Defect(
            PE_WS,
            'acts if self.parameters["pipeline"] == 2 else self.acts,',
            '(acts if self.parameters["pipeline"] == 2 else self.acts).as_signed(),',
            "unsigned activations are taken for signed ones",
        ),
        Defect(
            PE_WS,
            "pe.swap_o.eq(pe.swap)",
            "pe.swap_o.eq(pe.swap & ~pe.shift)",
            "a swap while the next weight moves is not passed on",
        ),
    ],
    "pe_os": [
        Defect(
            PE_OS,
            "self.first_o.eq(self.first)",
            "self.first_o.eq(self.first & ~self.done)",
            "a sum that begins as another ends does not begin anew further on",
        ),
        Defect(
            PE_OS,
            "self.sums.eq(Mux(self.done, acc, 0))",
            "self.sums.eq(acc)",
            "the sum is put out at any time",
        ),
        Defect(
            PE_OS,
            "m.d.sync += acc.eq(saturated(m, total, width))",
            "m.d.sync += acc.eq(saturated(m, total, width - 1))",
            "the sum saturates at half of its range",
        ),
        Defect(
            PE_OS,
            "total = Signal(signed(max(width, self.product_width) + 1))",
            "total = Signal(signed(width))",
            "the sum wraps before it can saturate",
        ),
        Defect(
            PE_OS,
            "(acts, weights) if pipeline == 2",
            "(acts, self.weights) if pipeline == 2",
            "one operand is a cycle ahead of the other with pipeline 2",
        ),
    ],
    "mesh_ws": [
        Defect(
            GRID,
            "value = entering[start * width : (start + count) * width]",
            "value = entering[-(start + count) * width :][: count * width]",
            "the lanes enter in the wrong order",
        ),
        Defect(
            MESH_WS,
            "Const(0, len(Value.cast(self.psums)))",
            "Const(1, len(Value.cast(self.psums)))",
            "the sums of column 0 do not begin with zero",
        ),
        Defect(
            GRID,
            'value = Value.cast(getattr(cell, f"{port}_o"))',
            'value = Value.cast(getattr(cell, f"{port}_o" if port != "swap" else port))',
            "the swap reaches all columns at once",
        ),
        Defect(
            GRID,
            "return [(start, min(size, total - start)) for start in range(0, total, size)]",
            "return [(start, min(size, total - start)) for start in range(0, total, size)][::-1]",
            "rows and columns are connected from the far side",
        ),
        Defect(
            MESH_WS,
            'across={"acts": grid.acts, "shift": grid.shift, "swap": grid.swap}',
            'across={"acts": grid.acts, "shift": grid.swap, "swap": grid.shift}',
            "shift and swap are confused",
        ),
    ],
    "mesh_os": [
        Defect(
            MESH_OS,
            "if self.latency > self.level:",
            "if self.latency >= self.level:",
            "the sums take a register too many where there is one row of tiles",
        ),
        Defect(
            MESH_OS,
            "for column in zip(*cells, strict=True)",
            "for column in list(zip(*cells, strict=True))[::-1]",
            "columns of tiles come out in the wrong order",
        ),
        Defect(
            MESH_OS,
            "Cat(reduce(or_, column) for column in sums)",
            "Cat(column[-1] for column in sums)",
            "only the last row of cells is heard",
        ),
        Defect(
            MESH_OS,
            "        m.d.sync += register.eq(joined)\n        m.d.comb += self.sums",
            "        m.d.comb += register.eq(joined)\n        m.d.comb += self.sums",
            "a tile's sums come a cycle early",
        ),
        Defect(
            MESH_OS,
            'across={"acts": grid.acts, "first": grid.first, "done": grid.done}',
            'across={"acts": grid.acts, "first": grid.first, "done": grid.first}',
            "a sum is put out when it begins",
        ),
    ],
    "skew": [
        Defect(
            SKEW,
            "m.d.sync += stage.eq(waiting)",
            "m.d.sync += stage.eq(self.i[-len(waiting) :])",
            "every lane is a cycle late at most",
        ),
        Defect(
            SKEW,
            "waiting[-width:] if backwards else waiting[:width]",
            "waiting[:width] if backwards else waiting[-width:]",
            "lanes leave at the wrong end",
        ),
        Defect(
            SKEW,
            "Cat(reversed(ready)) if backwards",
            "Cat(ready) if backwards",
            "the lanes of a reversed skew are out of order",
        ),
        Defect(
            SKEW,
            "ahead = groups[index + 1 :] if backwards else groups[:index]",
            "ahead = groups[:index]",
            "groups of a reversed skew are late in the wrong order",
        ),
        Defect(
            SKEW,
            "delay = Delay(width=len(word), cycles=cycles,",
            "delay = Delay(width=len(word), cycles=cycles - 1,",
            "the second group is a cycle early",
        ),
    ],
    "delay": [
        Defect(
            DELAY,
            "self.o.eq(line[-width:])",
            "self.o.eq(line[:width])",
            "one cycle whatever is asked for",
        ),
        Defect(
            DELAY,
            "self.o.eq(line[-width:])",
            "self.o.eq(line[-width - 1 : -1])",
            "a bit of the word behind slips in",
        ),
        Defect(
            DELAY,
            'if self.parameters["content"] == "flags":\n            line = Signal(width * cycles)',
            'if self.parameters["content"] == "flags":\n'
            "            line = Signal(width * cycles, reset_less=True)",
            "flags are not reset",
        ),
        Defect(
            DELAY,
            "if cycles == 0:",
            "if cycles <= 1:",
            "a delay of one cycle is none",
        ),
        Defect(
            DELAY,
            "line = Signal(width * cycles)",
            "line = Signal(width * cycles, init=1)",
            "a flag is set after a reset",
        ),
    ],
    "loader": [
        Defect(
            LOADER,
            "step.eq(register.held & (~self.loaded | self.take))",
            "step.eq(register.held & ~self.loaded)",
            "a set waits a cycle after the take",
        ),
        Defect(
            LOADER,
            "step.eq(register.held & (~self.loaded | self.take))",
            "step.eq(register.held)",
            "a set is overwritten before it was taken",
        ),
        Defect(
            LOADER,
            "self.shift.eq(Mux(step, reached, 0))",
            "self.shift.eq(Mux(step, (1 << steps) - 1, 0))",
            "registers move that still wait for the wavefront",
        ),
        Defect(
            LOADER,
            "reached = Signal(steps, init=1)",
            "reached = Signal(steps, init=1, reset_less=True)",
            "a reset leaves a set half loaded",
        ),
        Defect(
            LOADER,
            "self.soon.eq((self.loaded & ~self.take)",
            "self.soon.eq((self.loaded & ~(self.take & ~step))",
            "a set that is taken while the next begins stays",
        ),
    ],
    "accumulator": [
        Defect(
            ACCUMULATOR,
            "SETTLED = 4",
            "SETTLED = 3",
            "the sum of three cycles ago is not forwarded",
        ),
        Defect(
            ACCUMULATOR,
            "missed.eq(earlier.valid & (earlier.row == visits[1].row))",
            "missed.eq(earlier.row == visits[1].row)",
            "sums of visits that were none are forwarded",
        ),
        Defect(
            ACCUMULATOR,
            "for distance in reversed(unsettled):",
            "for distance in unsettled:",
            "an older sum is forwarded in place of the newest",
        ),
        Defect(
            ACCUMULATOR,
            "write.en.eq(visits[LEAD + 1].valid)",
            "write.en.eq(visits[LEAD + 1].valid & ~visits[LEAD + 1].first)",
            "the first sum of a row is not kept",
        ),
        Defect(
            ACCUMULATOR,
            "total.eq(Mux(visits[LEAD].first, 0, addend) + self.psums)",
            "total.eq(Mux(visits[LEAD - 1].first, 0, addend) + self.psums)",
            "the sum of the visit before begins anew",
        ),
    ],
    "output_channel": [
        Defect(
            OUTPUT_CHANNEL,
            "        with m.If(self.shift):\n            m.d.sync += shadow.eq(self.word)",
            "        m.d.sync += shadow.eq(self.word)",
            "values do not wait for shift",
        ),
        Defect(
            OUTPUT_CHANNEL,
            "requantize.channel.eq(shadow)",
            "requantize.channel.eq(self.word)",
            "the values in use are the next channel's",
        ),
        Defect(
            OUTPUT_CHANNEL,
            "m.d.sync += bias.eq(shadow.bias)",
            "m.d.sync += bias.eq(self.word.bias)",
            "the bias in use is the next channel's",
        ),
        Defect(
            OUTPUT_CHANNEL,
            "unit.shift.eq(self.shift[lane])",
            "unit.shift.eq(self.shift[0])",
            "all lanes take values at once",
        ),
        Defect(
            OUTPUT_CHANNEL,
            "start, word = unit.start_o, unit.word_o",
            "word = unit.word_o",
            "all lanes begin a run at once",
        ),
    ],
    "output_stage": [
        Defect(
            OUTPUT_STAGE,
            "self.some_room.eq((self.room > self.reserve) | left)",
            "self.some_room.eq(self.room > self.reserve)",
            "the place that becomes free is not known at once",
        ),
        Defect(
            OUTPUT_STAGE,
            "self.room.eq(self.room - self.reserve + left)",
            "self.room.eq(self.room - self.reserve + self.results.valid)",
            "room is given back while a word waits",
        ),
        Defect(
            OUTPUT_STAGE,
            "cycles, flags = output_latency(output) - 1, self.valid",
            "cycles, flags = output_latency(output), self.valid",
            "words are queued a cycle late",
        ),
        Defect(
            OUTPUT_STAGE,
            "spacing.eq(interval - 1)",
            "spacing.eq(max(interval - 2, 0))",
            "a run may begin while the values before it are still needed",
        ),
        Defect(
            OUTPUT_STAGE,
            "ARRIVAL = 3",
            "ARRIVAL = 0",
            "a run may begin before its last values can be there",
        ),
        Defect(
            OUTPUT_STAGE,
            "queue.o.ready.eq(left)",
            "queue.o.ready.eq(self.results.ready)",
            "an early bank gives a word that the last has not yet",
        ),
        Defect(
            OUTPUT_STAGE,
            "cycles, flags = 0, written.o",
            "cycles, flags = 0, Cat(written.o[0], *[self.special] * (len(flags) - 1))",
            "a bank's flags are those of a later row",
            "5-raw-flag",
        ),
        Defect(
            OUTPUT_STAGE,
            "flags = Cat(self.valid, self.special)",
            "flags = Cat(self.valid, self.valid)",
            "every row has special values",
            "5-raw-flag",
        ),
    ],
    "sequencer_ws": [
        Defect(
            SEQUENCER_WS,
            "pause.eq(missing - tile.length)",
            "pause.eq(missing - tile.length - 1)",
            "a short tile's rows are visited again a cycle too early",
        ),
        Defect(
            SEQUENCER_WS,
            "(self.room & (self.may_launch | ~at_start))",
            "(self.room & self.may_launch)",
            "every row of a run waits for the next run's values",
        ),
        Defect(
            SEQUENCER_WS,
            "(~tile.last | (self.room",
            "((~tile.last & ~tile.first) | (self.room",
            "the first tile of several waits for room that it does not need",
        ),
        Defect(
            SEQUENCER_WS,
            "self.visit.first.eq(tile.first)",
            "self.visit.first.eq(tile.first & at_start)",
            "only a run's first row begins anew",
        ),
        Defect(
            SEQUENCER_WS,
            'row = Signal(index_shape(self.parameters["depth"]))',
            'row = Signal(index_shape(self.parameters["depth"]), reset_less=True)',
            "a reset leaves a tile half done",
        ),
        Defect(
            SEQUENCER_WS,
            "self.a_type.eq(tile.a_type)",
            "self.a_type.eq(self.tiles.payload.a_type)",
            "the type is that of a tile to come",
            "6-revisit-3-types",
        ),
        Defect(
            SEQUENCER_WS,
            'depth=self.parameters["ahead"] - 1',
            "depth=2",
            "three tiles are known whatever is asked for",
            "4-revisit-4-type-4-ahead",
        ),
    ],
    "sequencer_os": [
        Defect(
            SEQUENCER_OS,
            "(self.room > tile.height)",
            "(self.room >= tile.height)",
            "a tile ends with a place less than its rows",
        ),
        Defect(
            SEQUENCER_OS,
            "spacing.eq(rows - 1)",
            "spacing.eq(max(rows - 2, 0))",
            "tiles end a cycle too close",
        ),
        Defect(
            SEQUENCER_OS,
            "left.eq(tile.height)",
            "left.eq(rows - 1)",
            "rows are emitted that the tile does not have",
        ),
        Defect(
            SEQUENCER_OS,
            "self.reserve.eq(Mux(self.launch, tile.height + 1, 0))",
            "self.reserve.eq(Mux(self.emit, 1, 0))",
            "places are reserved one by one, when it is too late",
        ),
        Defect(
            SEQUENCER_OS,
            "self.first.eq(self.step & (term == 0) & begins)",
            "self.first.eq(self.step & (term == 0) & begins & ~self.launch)",
            "a tile of one term is added to the one before",
        ),
        Defect(
            SEQUENCER_OS,
            "self.first.eq(self.step & (term == 0) & begins)",
            "self.first.eq(self.step & (term == 0))",
            "every part begins anew",
            "6-rows-multipass",
        ),
        Defect(
            SEQUENCER_OS,
            "done.eq(at_end & ends)",
            "done.eq(at_end)",
            "every part ends its tile",
            "6-rows-multipass",
        ),
        Defect(
            SEQUENCER_OS,
            "term.eq(Mux(at_end, 0, term + 1))",
            "term.eq(Mux(done, 0, term + 1))",
            "the terms of a tile's passes are counted together",
            "6-rows-multipass",
        ),
        Defect(
            SEQUENCER_OS,
            "getattr(self, name).eq(tile[name])",
            "getattr(self, name).eq(tile.as_value()[-self.parameters[name] :])",
            "the types are the bits at the end of the word",
            "2-rows-types-multipass",
        ),
    ],
    "gemm_ws": [
        Defect(
            GEMM_WS,
            "self.revisit = min(rows, 4)",
            "self.revisit = 4",
            "an array of few rows waits for its accumulators, beyond the cycle bound",
        ),
        Defect(
            OUTPUT_STAGE,
            "Delay(width=len(flags), cycles=latency + 1)",
            "Delay(width=len(flags), cycles=latency)",
            "results are taken a cycle too early",
        ),
        Defect(
            GEMM_WS,
            'if params["pipeline"] < 2:',
            'if params["pipeline"] < 1:',
            "with one pipeline register activations meet the weights of the tile before",
        ),
        Defect(
            GEMM_WS,
            "revisit=self.revisit,\n            a_type",
            "revisit=1,\n            a_type",
            "rows that were late are visited again too soon",
        ),
        Defect(
            GEMM_WS,
            "sequencer.room.eq(stage.some_room)",
            "sequencer.room.eq(1)",
            "results that are not taken are overrun",
        ),
        Defect(
            GEMM_WS,
            "ahead=4 if self.w_format.type_width else 3",
            "ahead=3",
            "too few tiles are known to load the next one's weights of many formats in time",
            "4x3-types",
        ),
        Defect(
            GEMM_WS,
            "tag_width=w.type_width, count=rows",
            "tag_width=w.type_width, count=rows + 1",
            "the type of weights changes after the first words of the next tile",
            "4x3-types",
        ),
        Defect(
            GEMM_WS,
            "queue.i.valid.eq(self.tiles.valid & sequencer.tiles.ready)",
            "queue.i.valid.eq(self.tiles.valid)",
            "the type of weights of a tile that has to wait is taken again and again",
            "4x3-types",
        ),
        Defect(
            GEMM_WS,
            "                row_kind = kind_later\n",
            "",
            "without operand registers the type of activations is a cycle ahead of them",
            "2x2-pairs-types-saturate",
        ),
        Defect(
            GEMM_WS,
            "(of_run & ~begins)",
            "of_run",
            "a flag stays for the runs that follow",
            "3x3-e4m3-e5m2-flag",
        ),
        Defect(
            GEMM_WS,
            "of_weights.eq(Mux(swap, loading, in_use))",
            "of_weights.eq(in_use)",
            "special weights are not known in the cycle in which they come into use",
            "3x3-e4m3-e5m2-flag",
        ),
        Defect(
            GEMM_WS,
            "(loading & ~swap) | (moves & of_word)",
            "loading | (moves & of_word)",
            "special weights flag the tiles that follow",
            "3x3-e4m3-e5m2-flag",
        ),
        Defect(
            BORDER,
            "detector.kind.eq(type_index)",
            "detector.kind.eq(0)",
            "integers are looked through for the first format's special values",
            "3x3-e4m3-e5m2-flag",
        ),
        Defect(
            PAIRS,
            "marks[lane ^ 1]",
            "marks[max(lane - 1, 0)]",
            "the first rows of pairs do not see their neighbours",
            "2x3-pairs",
        ),
        Defect(
            TYPE_SET,
            "highest=max(member.highest for member in members)",
            "highest=members[0].highest",
            "sums are as wide as the first of several formats needs",
            "4x3-types",
        ),
        Defect(
            MULTIPLY,
            "for e in (a_exponent, w_exponent)",
            "for e in (a_exponent,)",
            "the exponent of a weight is forgotten",
            "3x2-flint4-pot4",
        ),
        Defect(
            MULTIPLY,
            "total = product if total is None else total + product",
            "total = product",
            "of several terms the last one is the product",
            "5x2-posit-apot",
        ),
        Defect(
            MULTIPLY,
            "value if value.shape().signed else Cat(value, Const(0, 1)).as_signed()",
            "value.as_signed()",
            "unsigned products are taken for signed ones",
            "2x2-unsigned-halves",
        ),
    ],
    "gemm_os": [
        Defect(
            GEMM_OS,
            "word = Mux(sequencer.step, word, 0)",
            "pass",
            "a pair of operands that waits is added every cycle",
        ),
        Defect(
            GEMM_OS,
            "first = Delay(width=1, cycles=pipeline)",
            "first = Delay(width=1, cycles=pipeline + 1)",
            "the first product is added to the sum before",
        ),
        Defect(
            GEMM_OS,
            "done = Delay(width=1, cycles=pipeline + 1)",
            "done = Delay(width=1, cycles=pipeline + 2)",
            "a sum leaves with the first product of the next",
        ),
        Defect(
            GEMM_OS,
            'mesh.done.eq(stagger(m, "done", done.o, rows))',
            "mesh.done.eq(done.o.replicate(rows))",
            "all rows put their sums out at once",
        ),
        Defect(
            GEMM_OS,
            "depth = 2 * rows + cols + output_latency(output) + mesh.latency + pipeline + 6",
            "depth = rows + 1",
            "the result queue cannot cover the way of a result: a tile waits for the one before",
        ),
        Defect(
            GEMM_OS,
            "so_far.eq((of_tile & ~sequencer.first) | special)",
            "so_far.eq(of_tile | special)",
            "a flag stays for the tiles that follow",
            "2x3-e4m3-e5m2-flag",
        ),
        Defect(
            GEMM_OS,
            "return Mux(sequencer.launch, so_far, emitting)",
            "return emitting",
            "a tile's first row has the flag of the tile before",
            "2x3-e4m3-e5m2-flag",
        ),
        Defect(
            GEMM_OS,
            "return Mux(sequencer.launch, so_far, emitting)",
            "return so_far",
            "a tile's later rows have the flag of the tile behind",
            "2x3-e4m3-e5m2-flag",
        ),
        Defect(
            GEMM_OS,
            "int(self.a_format.split or self.w_format.split)",
            "int(self.a_format.split)",
            "tiles have no passes where weights alone are read half by half",
            "2x2-unsigned-halves",
        ),
        Defect(
            GEMM_OS,
            "getattr(sequencer, type_index) if fmt.type_width",
            'sequencer.a_type[:2] if fmt.type_width and type_index == "w_type" '
            "else getattr(sequencer, type_index) if fmt.type_width",
            "weights have the type of the activations",
            "3x4-types",
        ),
        Defect(
            GEMM_OS,
            "latency + PAIR_LATENCY * self.w_format.pair",
            "latency",
            "the manifest has not the cycles that pairs of weights take",
            "3x2-pairs",
        ),
        Defect(
            OPERAND,
            "max(term.exponents for term in column)",
            "column[0].exponents",
            "exponents are as wide as the first of several formats needs",
            "3x4-types",
        ),
        Defect(
            MULTIPLY,
            "min(len(value) + (1 << position), width)",
            "min(len(value) + (1 << position), width - 1)",
            "the largest products lose their sign",
            "3x2-flint4-pot4",
        ),
        Defect(
            MULTIPLY,
            'exponent = _register(m, exponent.shape(), f"exponent{suffix}", exponent)',
            "pass",
            "exponents are a cycle ahead of their product",
            "3x2-flint4-pot4",
        ),
        Defect(
            MULTIPLY,
            "signed(signed_width(*_product_range(a_term, w_term)))",
            "signed(signed_width(*_product_range(a_term, w_term)) - 1)",
            "the register between multiplier and shifter is a bit too narrow",
            "1x1-posit-apot",
        ),
    ],
    "bitbrick": [
        Defect(
            BITBRICK,
            "self.x[1] & self.x_signed",
            "self.x[0] & self.x_signed",
            "the lower bit is the sign",
        ),
        Defect(
            BITBRICK,
            "self.y[1] & self.y_signed",
            "self.y[1] & self.x_signed",
            "one digit has the other's kind",
        ),
        Defect(
            BITBRICK,
            "self.x[1] & self.x_signed",
            "self.x_signed",
            "every signed digit is negative",
        ),
        Defect(
            BITBRICK,
            "self.o.eq(x * y)",
            "self.o.eq(x * y - (self.x.all() & self.y.all() & ~self.x_signed & ~self.y_signed))",
            "the largest product is one less",
        ),
        Defect(
            BITBRICK,
            "y = Cat(self.y, self.y[1] & self.y_signed).as_signed()",
            "y = Cat(self.y, self.y[1] & self.y_signed)",
            "a negative digit counts as a large one",
        ),
    ],
    "mode": [
        Defect(
            MODE,
            "Cat(~four, ~eight, ~four, 1)",
            "Cat(~four, ~four, ~four, 1)",
            "the lower of two numbers of 4 bits has no sign",
        ),
        Defect(
            MODE,
            "four.eq(bits != 0)",
            "four.eq(bits[0])",
            "numbers of 8 bits don't have 4",
        ),
        Defect(
            MODE,
            " - 8 * top_a * top_w",
            "",
            "the offset counts products of two signs as negative",
        ),
        Defect(
            MODE,
            "every.eq(Mux(bits[1], 85, Mux(bits[0], 10, 4)))",
            "every.eq(Mux(bits == 2, 85, Mux(bits[0], 10, 4)))",
            "the offset of the code 3 is that of 4 bits",
        ),
        Defect(
            MODE,
            'Mux(choice[f"{side}_signed"], Mux(bits[1], 64, Mux(bits[0], 8, 4)), 0)',
            "Mux(bits[1], 64, Mux(bits[0], 8, 4))",
            "the offset does not depend on signs",
        ),
        Defect(
            MODE,
            "of_two = half[8:] if column >= 2 else half[:8]",
            "of_two = half[8:] if column % 2 else half[:8]",
            "of two groups of columns neighbours are not of one",
            "spread",
        ),
        Defect(
            MODE,
            "Mux(self.step[0], self.i[24:], self.i[16:24])",
            "Mux(self.step[0], self.i[16:24], self.i[24:])",
            "the last two of four steps are in the wrong order",
            "spread",
        ),
        Defect(
            MODE,
            "half.eq(Mux(self.step[0], self.i[16:], self.i[:16]))",
            "half.eq(Mux(self.step[1], self.i[16:], self.i[:16]))",
            "the second of two steps is the first again",
            "spread",
        ),
        Defect(
            MODE,
            "Mux(self.other_bits[1], of_one, Mux(self.other_bits[0], of_two, of_four))",
            "Mux(self.other_bits == 2, of_one, Mux(self.other_bits[0], of_two, of_four))",
            "the code 3 is not 8 bits",
            "spread",
        ),
    ],
    "fusion_unit": [
        Defect(
            FUSION_UNIT,
            "(x[1] & y[1]) ^ x_signed ^ y_signed",
            "(x[1] & y[1]) ^ (x_signed | y_signed)",
            "a product of two signs is inverted",
        ),
        Defect(
            FUSION_UNIT,
            "fused_sum(m, self.a, self.w, self.mode) - self.offset",
            "fused_sum(m, self.a, self.w, self.mode)",
            "the offset stays",
        ),
        Defect(
            FUSION_UNIT,
            '("a", mode.a4, 2), ("w", mode.w4, 2)',
            '("a", mode.w4, 2), ("w", mode.a4, 2)',
            "digits are shifted as the other operand's width wants",
        ),
        Defect(
            FUSION_UNIT,
            "min(len(shifted) + 1, SUM_WIDTH)",
            "min(len(shifted) + 1, SUM_WIDTH - 1)",
            "the largest sums lose their upper bit",
        ),
        Defect(
            FUSION_UNIT,
            "a[8 * j + 2 * i :][:2]",
            "a[8 * i + 2 * j :][:2]",
            "rows and columns of activations are exchanged",
        ),
        Defect(
            FUSION_UNIT,
            "sums[2 * i + 1, j] if down else sums[i, 2 * j + 1]",
            "sums[2 * i + 1, j] if down else sums[i, 2 * j]",
            "the first of two columns is added twice",
        ),
        Defect(
            FUSION_UNIT,
            "brick.x_signed.eq(self.mode.a_tops[i])",
            "brick.x_signed.eq(self.mode.a_tops[j])",
            "signs go by the column",
            "paper",
        ),
        Defect(
            FUSION_UNIT,
            "squares.items(), 4, self.mode.a8, self.mode.w8",
            "squares.items(), 4, self.mode.a8, self.mode.w4",
            "squares of 4-bit weights are shifted",
            "paper",
        ),
        Defect(
            FUSION_UNIT,
            "            if index:\n",
            "            if i:\n",
            "shifts of columns go by the row",
            "paper",
        ),
    ],
    "fusion_mac": [
        Defect(
            FUSION_MAC,
            "by_one << 16",
            "by_one << 8",
            "the product of two high halves is shifted by a byte",
        ),
        Defect(
            FUSION_MAC,
            "Mux(self.shift[0], unit.o << 8, unit.o)",
            "Mux(self.shift[0], (unit.o << 8)[:24].as_signed(), unit.o)",
            "a shifted product loses its sign",
        ),
        Defect(
            FUSION_MAC,
            "unit.offset.eq(self.offset)",
            "unit.offset.eq(0)",
            "the offset stays",
            "separable",
        ),
        Defect(
            FUSION_MAC,
            "Mux(self.first, 0, acc) + a * w",
            "Mux(self.first, 0, acc + a * w)",
            "a sum begins with zero, not with its first product",
            "fixed",
        ),
        Defect(
            FUSION_MAC,
            "self.w[-1] & self.w_signed",
            "self.w[-1] & self.a_signed",
            "weights have the sign of the activations",
            "fixed",
        ),
        Defect(
            FUSION_MAC,
            "enumerate(self.shift)",
            "enumerate(self.shift[:2])",
            "four digits' places are forgotten",
            "temporal",
        ),
        Defect(
            FUSION_MAC,
            "shifted = Signal(signed(len(term) + (2 << position))",
            "shifted = Signal(signed(len(term) + (1 << position))",
            "shifted digits lose their upper bits",
            "temporal",
        ),
        Defect(
            FUSION_MAC,
            "brick.y_signed.eq(self.y_signed)",
            "brick.y_signed.eq(self.x_signed)",
            "one digit has the other's kind",
            "temporal",
        ),
    ],
    "mode_switch": [
        Defect(
            MODE_SWITCH,
            "m.d.sync += quiet.eq(drain)",
            "m.d.sync += quiet.eq(0)",
            "the mode changes while the last sums are on their way",
        ),
        Defect(
            MODE_SWITCH,
            "m.d.sync += quiet.eq(drain)",
            "m.d.sync += quiet.eq(drain - 1)",
            "the mode changes a cycle early",
        ),
        Defect(
            MODE_SWITCH,
            "quiet.eq(settle - 1)",
            "quiet.eq(settle)",
            "a tile waits a cycle too long for its mode",
        ),
        Defect(
            MODE_SWITCH,
            "queue.o.valid & same & ~settling",
            "queue.o.valid & same",
            "a tile does not wait until its mode is everywhere",
        ),
        Defect(
            MODE_SWITCH,
            "queue.o.valid & ~same & (known == 0)",
            "queue.o.valid & ~same",
            "the mode changes within a tile whose rows are late",
        ),
        Defect(
            MODE_SWITCH,
            "wanted.shift.eq(tile.shift)",
            "wanted.shift.eq(in_use.shift)",
            "the shift never changes",
        ),
        Defect(
            MODE_SWITCH,
            "known + passes - (self.step & self.last)",
            "known + (passes & ~(self.step & self.last)) - (self.step & self.last & ~passes)"
            " + (self.step & self.last & passes & (known == 1))",
            "a tile that comes as the only other one ends is counted twice",
        ),
        Defect(
            MODE_SWITCH,
            "with m.If(self.step):",
            "with m.If(self.step & ~self.last):",
            "the last row is not waited for",
        ),
        Defect(
            MODE_SWITCH,
            "known = Signal(3)",
            "known = Signal(2)",
            "of four tiles that the control has none is known",
        ),
    ],
    "unpack": [
        Defect(
            UNPACK,
            "word_ends.eq(set_ends | (step == last_step(other_bits)))",
            "word_ends.eq(step == last_step(other_bits))",
            "the next set goes on with what is left of the last word",
        ),
        Defect(
            UNPACK,
            "step.eq(Mux(word_ends, 0, step + 1))",
            "step.eq(Mux(step == last_step(other_bits), 0, step + 1))",
            "a new word begins where the set before ended",
        ),
        Defect(
            UNPACK,
            "self.i.valid & self.o.ready & set_ends",
            "self.i.valid & self.o.ready & word_ends",
            "each word takes a width",
        ),
        Defect(
            UNPACK,
            "self.i.valid & self.o.ready & set_ends",
            "moves & set_ends",
            "the valid of the widths reaches their ready",
        ),
        Defect(
            UNPACK,
            "self.o.valid.eq(self.i.valid & self.widths.valid)",
            "self.o.valid.eq(self.i.valid)",
            "steps come before their width is known",
        ),
        Defect(
            UNPACK,
            "Cat(other_bits.any(), other_bits[1])",
            "other_bits",
            "the last of four steps is left out",
        ),
        Defect(
            UNPACK,
            "word.word_select(lane, 32)",
            "word[:32]",
            "all lanes get what the first one has",
        ),
        Defect(
            UNPACK,
            "self.i.ready.eq(self.o.ready & self.widths.valid & word_ends)",
            "self.i.ready.eq(self.o.ready & word_ends)",
            "a word is taken before its width is known",
        ),
    ],
    "pe_fusion": [
        Defect(
            PE_FUSION,
            "acts if pipeline == 2 else self.acts",
            "self.acts",
            "the activation is a cycle ahead of its weight with pipeline 2",
            "40-2",
        ),
        Defect(
            PE_FUSION,
            "data_register(SUM_WIDTH,",
            "data_register(SUM_WIDTH - 1,",
            "the register behind the multipliers is a bit too narrow",
            "20-1",
        ),
        Defect(
            PE_FUSION,
            "psum.eq(self.psums + product)",
            "psum.eq(self.psums + product.as_signed())",
            "the largest sums are taken for negative ones",
        ),
        Defect(
            PE_WS,
            "weight.eq(shadow)",
            "weight.eq(pe.weights)",
            "the weight in use is the next one that is loaded",
        ),
        Defect(
            PE_WS,
            "pe.weights_o.eq(shadow)",
            "pe.weights_o.eq(weight)",
            "the weight in use goes on to the next PE",
        ),
        Defect(
            FUSION_UNIT,
            '_shifted(m, f"{name}_shifted", second, distance, condition)',
            '_shifted(m, f"{name}_shifted", second, 2, condition)',
            "pairs of digits are shifted by one digit",
        ),
    ],
    "mesh_fusion": [
        Defect(
            MESH_FUSION,
            "m.d.sync += mode_q.eq(grid.mode)",
            "m.d.comb += mode_q.eq(grid.mode)",
            "the mode is everywhere at once, before sums of the one before have left",
        ),
        Defect(
            MESH_FUSION,
            "return levels(rows, cols, tile_rows, tile_cols) + 1",
            "return levels(rows, cols, tile_rows, tile_cols)",
            "the PEs have the mode a cycle later than is said",
        ),
        Defect(
            MESH_FUSION,
            "return levels(rows, cols, tile_rows, tile_cols) + 1",
            "return 2",
            "the registers of tiles of tiles are not counted",
            "5x3-tiles-of-1x2",
        ),
        Defect(
            MESH_FUSION,
            "for row in cells for cell in row",
            "for row in cells[:1] for cell in row",
            "only the first row of cells has a mode",
        ),
        Defect(
            MESH_FUSION,
            "Value.cast(self.offset).as_unsigned()",
            "(-self.offset)[: len(self.offset)]",
            "the offset is added twice, not taken away",
        ),
        Defect(
            MESH_FUSION,
            'across={"acts": grid.acts, "shift": grid.shift, "swap": grid.swap}',
            'across={"acts": grid.acts, "shift": grid.swap, "swap": grid.shift}',
            "shift and swap are confused",
        ),
        Defect(
            GRID,
            "value = entering[start * width : (start + count) * width]",
            "value = entering[-(start + count) * width :][: count * width]",
            "the lanes enter in the wrong order",
        ),
    ],
    "gemm_fusion": [
        Defect(
            GEMM_FUSION,
            "offset.eq(-(mode.offset * rows))",
            "offset.eq(-mode.offset)",
            "the offset of one row is taken away",
        ),
        Defect(
            GEMM_FUSION,
            "other_bits = switch.choice.w_bits",
            "other_bits = switch.choice.a_bits",
            "activations are spread as weights are",
        ),
        Defect(
            GEMM_FUSION,
            "widths.i.payload.eq(self.tiles.payload.a_bits)",
            "widths.i.payload.eq(self.tiles.payload.w_bits)",
            "weights are spread as activations are",
        ),
        Defect(
            GEMM_FUSION,
            "drain=self.drain, settle=self.settle",
            "drain=1, settle=self.settle",
            "the mode changes while sums of the tile before are on their way",
        ),
        Defect(
            GEMM_FUSION,
            "Mux(shift[1], psum << 16, Mux(shift[0], psum << 8, psum))",
            "Mux(shift.any(), psum << 8, psum)",
            "the product of two high halves is shifted by a byte",
        ),
        Defect(
            GEMM_FUSION,
            "self.shifted_width = self.psum_width + 16",
            "self.shifted_width = self.psum_width + 8",
            "shifted sums lose their upper byte",
        ),
        Defect(
            GEMM_FUSION,
            "word_ends.eq(sequencer.last | (step == last_step(other_bits)))",
            "word_ends.eq(step == last_step(other_bits))",
            "the next tile goes on with what is left of the last word",
        ),
        Defect(
            GEMM_FUSION,
            "queue.o.ready.eq(sequencer.step & word_ends)",
            "queue.o.ready.eq(sequencer.step)",
            "each step takes a word",
        ),
        Defect(
            GEMM_FUSION,
            "widths.i.valid.eq(self.tiles.valid & switch.i.ready)",
            "widths.i.valid.eq(self.tiles.valid)",
            "the width of weights of a tile that has to wait is taken again and again",
        ),
        Defect(
            GEMM_FUSION,
            "(rows * 65025).bit_length() + 1",
            "(rows * 65025).bit_length()",
            "the largest sums become negative",
        ),
        Defect(
            GEMM_FUSION,
            "            row = later\n",
            "",
            "without operand registers activations are a cycle ahead of their weights",
            "2x3-bias",
        ),
        Defect(
            GEMM_FUSION,
            "switch.last.eq(sequencer.last)",
            "switch.last.eq(sequencer.swap)",
            "the mode may change when a tile has begun",
        ),
        Defect(
            GEMM_FUSION,
            '"mode_switch": self.drain + self.settle + 4',
            '"mode_switch": self.drain + self.settle + 3',
            "a change of mode takes longer than the manifest says",
        ),
        Defect(
            GEMM_FUSION,
            "revisit=self.revisit, ahead=4",
            "revisit=1, ahead=4",
            "short tiles come to the accumulators before their sums are there",
            "4x3-wrap-narrow",
        ),
        Defect(
            MODE_SWITCH,
            "len(Value.cast(self.i.payload)), depth=4",
            "len(Value.cast(self.i.payload)), depth=2",
            "too few tiles are known to load the next one's weights in time",
            "1x5",
        ),
    ],
    "lnzd": [
        Defect(
            LNZD,
            "for child in reversed(children[:-1]):",
            "for child in children[:-1]:",
            "the last child's word leaves, and the first's is taken",
        ),
        Defect(
            LNZD,
            "child.ready.eq(free & ~any_valid)",
            "child.ready.eq(free)",
            "words of later children are taken and lost",
        ),
        Defect(
            LNZD,
            "free = ~self.o.valid | self.o.ready",
            "free = ~self.o.valid",
            "a word every second cycle",
        ),
        Defect(
            LNZD,
            "self.o.valid.eq(any_valid)",
            "self.o.valid.eq(1)",
            "a word leaves though no child has one",
        ),
        Defect(
            LNZD,
            "streams[first : first + RADIX]",
            "streams[first : first + RADIX][::-1]",
            "leaves with higher numbers go first",
        ),
        Defect(
            LNZD,
            "with m.If(free):",
            "with m.If(self.o.ready | ~self.o.valid & children[0].valid):",
            "a word that is taken while the output stands still is lost",
        ),
    ],
    "column_reader": [
        Defect(
            COLUMN_READER,
            "(column + 1) >> 1",
            "column >> 1",
            "odd columns end where the pointer before says",
        ),
        Defect(
            COLUMN_READER,
            "swapped.eq(column[0])",
            "swapped.eq(0)",
            "odd columns have start and end the wrong way round",
        ),
        Defect(
            COLUMN_READER,
            'empty.eq((span.start == span.end) & params["skip_empty_columns"])',
            "empty.eq(span.start == span.end)",
            "columns without entries end here though they are to be passed on",
            "5-9-all",
        ),
        Defect(
            COLUMN_READER,
            "queue.i.valid.eq(present & ~empty)",
            "queue.i.valid.eq(present)",
            "columns without entries are passed on",
        ),
        Defect(
            COLUMN_READER,
            "moves.eq(~present | empty | queue.i.ready)",
            "moves.eq(1)",
            "columns are lost while the output stands still",
        ),
        Defect(
            COLUMN_READER,
            "self.busy.eq(present | queue.o.valid)",
            "self.busy.eq(queue.o.valid)",
            "a column whose pointers are being read does not show",
        ),
        Defect(
            COLUMN_READER,
            'depth = max(2, (params["columns"] + 2) // 2)',
            'depth = max(2, (params["columns"] + 1) // 2)',
            "the last pointer has no place",
            "8-64",
        ),
    ],
    "entry_reader": [
        Defect(
            ENTRY_READER,
            "last.eq(span.end - 1)",
            "last.eq(span.end)",
            "a column goes on with the next one's first entry",
        ),
        Defect(
            ENTRY_READER,
            "asked_low.eq(Mux(begun, 0, span.start))",
            "asked_low.eq(span.start)",
            "a column's later words begin where its first did",
        ),
        Defect(
            ENTRY_READER,
            "asked.eq(self.i.valid & ~empty)",
            "asked.eq(self.i.valid)",
            "columns without entries give out some",
        ),
        Defect(
            ENTRY_READER,
            "asked_first.eq(~begun)",
            "asked_first.eq(1)",
            "each word's first entry counts as its column's",
        ),
        Defect(
            ENTRY_READER,
            "asks.eq(self.i.valid & (~asked | moves))",
            "asks.eq(self.i.valid)",
            "a word that waits is overwritten by the next",
        ),
        Defect(
            ENTRY_READER,
            "self.i.ready.eq((~asked | moves) & ends)",
            "self.i.ready.eq(~asked & ends)",
            "columns with one entry come every second cycle",
        ),
        Defect(
            ENTRY_READER,
            "self.busy.eq(present | asked)",
            "self.busy.eq(present)",
            "a word that is being read does not show",
        ),
    ],
    "activations": [
        Defect(
            ACTIVATIONS,
            "queue.i.valid.eq(present & nonzero)",
            "queue.i.valid.eq(present)",
            "zeros are passed on",
        ),
        Defect(
            ACTIVATIONS,
            "moves.eq(~present | ~nonzero | queue.i.ready)",
            "moves.eq(1)",
            "activations are lost while the output stands still",
        ),
        Defect(
            ACTIVATIONS,
            "with m.If(at == self.last):",
            "with m.If(at + 1 == self.last):",
            "the last activation is not looked at",
        ),
        Defect(
            ACTIVATIONS,
            "scanning.eq(1), at.eq(0)",
            "scanning.eq(1)",
            "a scan begins where the one before ended",
        ),
        Defect(
            ACTIVATIONS,
            "self.busy.eq(scanning | present | queue.o.valid)",
            "self.busy.eq(scanning | present)",
            "words that were not taken do not show",
        ),
        Defect(
            ACTIVATIONS,
            "present.eq(looks), at_q.eq(at)",
            "present.eq(looks), at_q.eq(at + 1)",
            "activations have the next one's number",
        ),
        Defect(
            ACTIVATIONS,
            "scanning & ~(self.filling & (at == self.index))",
            "scanning",
            "a scan doesn't wait for activations that are yet to be written",
        ),
    ],
    "write_back": [
        Defect(
            WRITE_BACK,
            "up.eq(shifted[1] & (shifted[0] | shifted[2]))",
            "up.eq(shifted[1])",
            "ties round up, not to even",
        ),
        Defect(
            WRITE_BACK,
            "up.eq(shifted[1] & (shifted[0] | shifted[2]))",
            "up.eq(shifted[1] & shifted[2])",
            "what is more than half is rounded as a tie",
        ),
        Defect(
            WRITE_BACK,
            "Mux(self.how.relu & rounded[-1], 0, within)",
            "Mux(self.how.relu & self.i[-1], 0, within)",
            "ReLU goes by the sign of a later sum",
        ),
        Defect(
            WRITE_BACK,
            'within = saturated(m, rounded, self.parameters["act_width"])',
            'within = rounded[: self.parameters["act_width"]].as_signed()',
            "large sums wrap instead of saturating",
        ),
        Defect(
            WRITE_BACK,
            "rounded.eq(shifted[2:].as_signed() + up)",
            "rounded.eq(shifted[2:] + up)",
            "negative sums become large",
        ),
        Defect(
            WRITE_BACK,
            "Cat(Const(0, 2), self.i), self.how.shift, 1)",
            "Cat(Const(0, 2), self.i), self.how.shift[:5], 1)",
            "shifts of 32 and more are less",
        ),
    ],
    "eie": [
        Defect(
            PE_EIE,
            "revisit=1,",
            "revisit=2,",
            "an entry of the same row as the one before misses its sum",
        ),
        Defect(
            PE_EIE,
            "touched.eq(touched | (",
            "touched.eq((",
            "a sum begins anew after every other row's",
        ),
        Defect(
            PE_EIE,
            "following = passed + entry.zeros + 1",
            "following = passed + entry.zeros",
            "the row of the entry before is not passed",
        ),
        Defect(
            PE_EIE,
            "with m.If(self.clear):",
            "with m.If(self.clear & self.take):",
            "sums are not forgotten",
        ),
        Defect(
            PE_EIE,
            "Cat(entry.value, self.book)",
            "entry.value",
            "all jobs have the first codebook",
        ),
        Defect(
            PE_EIE,
            "passed = rows[-1] if rows else row_before",
            "passed = row_before",
            "a group's second entry does not pass the row of its first",
            "3-pairs",
        ),
        Defect(
            PE_EIE,
            "row_before.eq(rows[-1])",
            "row_before.eq(rows[0])",
            "a group does not pass the rows of the one before but its first",
            "2-eights",
        ),
        Defect(
            PE_EIE,
            "adds.eq(entries.valid & (entries.group[lane].value != 0))",
            "adds.eq(entries.valid)",
            "what fills a group up is added to a row that may be another's",
        ),
        Defect(
            PE_EIE,
            "total.eq(sum(sums[1:], sums[0]))",
            "total.eq(sums[0])",
            "the other lanes' sums are lost",
            "3-pairs",
        ),
        Defect(
            EIE,
            "self.job.column + index * len(pes) + number",
            "index * len(pes) + number",
            "all jobs have the first columns",
        ),
        Defect(
            EIE,
            "ready.eq(Cat(pe.broadcast.ready for pe in pes).all())",
            "ready.eq(Cat(pe.broadcast.ready for pe in pes).any())",
            "a PE whose queue is full misses activations",
        ),
        Defect(
            EIE,
            "pe.broadcast.valid.eq(tree.o.valid & ready)",
            "pe.broadcast.valid.eq(tree.o.valid)",
            "a PE gets an activation again while another's queue is full",
        ),
        Defect(
            EIE,
            "take.eq((room != 0) | ~job.emit)",
            "take.eq(1)",
            "results are lost when nobody takes them",
            "1-wide",
        ),
        Defect(
            EIE,
            "queue.i.valid.eq(flags[-1] & job.emit)",
            "queue.i.valid.eq(flags[-1])",
            "sums that only become activations are put out, too",
        ),
        Defect(
            EIE,
            "pe.act_write.eq(writes | (leaves & job.keep))",
            "pe.act_write.eq(writes | leaves)",
            "sums that are only put out become activations, too",
        ),
        Defect(
            EIE,
            "return flags[-1], rows[-1], room",
            "return flags[-1], rows[-2], room",
            "sums become the activations of the next row",
        ),
        Defect(
            EIE,
            "with m.If(job.finish):",
            "with m.If(job.emit):",
            "sums that are to be kept are not, unless they are put out",
        ),
        Defect(
            EIE,
            "QUIET = 6",
            "QUIET = 1",
            "sums leave before the last activations came through the tree",
            "17",
        ),
    ],
    "uart_rx": [
        Defect(
            UART_RX,
            "line.eq((first & second) | (third & (first | second)))",
            "line.eq(second)",
            "a glitch of one cycle is a level",
        ),
        Defect(
            UART_RX,
            "timer.eq((divisor - 1) // 2 - 1)",
            "timer.eq(divisor // 4)",
            "bits are sampled before their middle",
        ),
        Defect(
            UART_RX,
            "m.d.sync += [timer.eq(divisor - 1), bits.eq(bits + 1)]",
            "m.d.sync += [timer.eq(divisor), bits.eq(bits + 1)]",
            "bits are a cycle longer",
        ),
        Defect(
            UART_RX,
            "with m.If((bits == 0) & line):",
            "with m.If(0):",
            "a start bit that has ended by its middle counts",
        ),
        Defect(
            UART_RX,
            "self.valid.eq(line), self.error.eq(~line)",
            "self.valid.eq(1), self.error.eq(~line)",
            "a frame without a stop bit is a byte nevertheless",
        ),
        Defect(
            UART_RX,
            "with m.If(samples & (bits == 15)):",
            "with m.If(samples & (bits == 7)):",
            "two frames of a low line are a break",
        ),
        Defect(
            UART_RX,
            "m.d.sync += self.break_.eq(0)",
            "pass",
            "a break does not end",
        ),
        Defect(
            UART_RX,
            'with m.FSM(init="LOW"):',
            'with m.FSM(init="HIGH"):',
            "after a reset the rest of a frame is taken for one",
        ),
        Defect(
            UART_RX,
            "self.error.eq(~line), bits.eq(0)]",
            "self.error.eq(~line)]",
            "the bits of a frame count for the break after it",
        ),
    ],
    "uart_tx": [
        Defect(
            UART_TX,
            "self.i.ready.eq((left == 0) & (timer == 0))",
            "self.i.ready.eq(left == 0)",
            "a byte is taken in the stop bit, and lost",
        ),
        Defect(
            UART_TX,
            "Cat(bits[1:], Const(1))",
            "Cat(bits[1:], Const(0))",
            "the stop bit is low",
        ),
        Defect(
            UART_TX,
            "left.eq(9)",
            "left.eq(10)",
            "there are two stop bits",
        ),
        Defect(
            UART_TX,
            "bits = Signal(9, init=~0)",
            "bits = Signal(9)",
            "the line is low before the first byte",
        ),
        Defect(
            UART_TX,
            "bits.eq(Cat(Const(0, 1), self.i.payload))",
            "bits.eq(Cat(Const(0, 1), self.i.payload[::-1]))",
            "the highest bit comes first",
        ),
        Defect(
            UART_TX,
            "                timer.eq(divisor - 1),\n                left.eq(left - 1)",
            "                timer.eq(divisor - 2),\n                left.eq(left - 1)",
            "all bits but the first are a cycle shorter",
        ),
    ],
    "uart_link": [
        Defect(
            UART_LINK,
            "queue.i.valid.eq(self.valid & ~self._deaf)",
            "queue.i.valid.eq(self.valid)",
            "bytes after a lost one are obeyed",
        ),
        Defect(
            UART_LINK,
            "self.error | (self.valid & ~queue.i.ready)",
            "self.error",
            "nobody hears of a byte that had no room",
        ),
        Defect(
            UART_LINK,
            "told.eq(free)",
            "told.eq(0)",
            "a loss is told again and again",
        ),
        Defect(
            UART_LINK,
            "m.d.sync += [so_far.eq(0), owed.eq(0)]",
            "m.d.sync += owed.eq(0)",
            "bytes of the host before count for the next one's credits",
        ),
        Defect(
            UART_LINK,
            "owed = Signal(2)",
            "owed = Signal(1)",
            "of two credits at once none is sent",
        ),
        Defect(
            UART_LINK,
            "(taken & so_far.all())",
            "so_far.all()",
            "a credit is sent in each cycle before the byte that it is for is taken",
        ),
        Defect(
            UART_LINK,
            "fits.eq(head[5:7] < inputs)",
            "fits.eq(1)",
            "a stream that there is not takes bytes",
        ),
        Defect(
            UART_LINK,
            "port.payload.last.eq(last & ends)",
            "port.payload.last.eq(last)",
            "all bytes of a frame are the last of their packet",
        ),
        Defect(
            UART_LINK,
            "m.d.sync += last.eq(0)",
            "pass",
            "every frame after a last one is a last one",
        ),
        Defect(
            UART_LINK,
            "m.d.sync += self._code.eq(reply | bus.error)",
            "m.d.sync += self._code.eq(reply)",
            "refused accesses look as if they were done",
        ),
        Defect(
            UART_LINK,
            "m.If(~self._reply & self._idle):",
            "m.If(~self._reply):",
            "the next frame moves the value of a register that is on its way",
        ),
        Defect(
            UART_LINK,
            "with m.If(~some | (results.payload.data != ESCAPE)):",
            "with m.If(1):",
            "an escape in the results is not marked as a byte",
        ),
        Defect(
            UART_LINK,
            "some.eq(results.valid & results.payload.keep)",
            "some.eq(results.valid)",
            "a beat without a byte is sent",
        ),
        Defect(
            UART_LINK,
            "with m.Elif(owed != 0):",
            "with m.Elif((owed != 0) & ~results.valid):",
            "credits wait for a pause in the results",
        ),
        Defect(
            UART_LINK,
            "free.eq(~self.o.valid | self.o.ready)",
            "free.eq(1)",
            "a byte is replaced before it was taken",
        ),
    ],
    "uart_top": [
        Defect(
            UART_TOP,
            "sync.rst.eq(line.rst | rx.break_)",
            "sync.rst.eq(line.rst)",
            "a break resets nothing",
        ),
        Defect(
            UART_TOP,
            "line.rst.eq(~started[-1])",
            "line.rst.eq(started[-1])",
            "the receiver stays in its reset",
        ),
        Defect(
            UART_TOP,
            "            link.error.eq(rx.error),\n",
            "",
            "nobody hears of a lost byte",
        ),
        Defect(
            UART_TOP,
            'getattr(link, f"i_{number}")',
            'getattr(link, f"i_{len(shell.inputs) - 1 - number}")',
            "streams have each other's words",
        ),
        Defect(
            UART_TOP,
            "self.led.eq(~shell.quiet)",
            "self.led.eq(rx.valid)",
            "the LED shows something else",
        ),
        Defect(
            UART_TOP,
            '"digest": digest,',
            '"digest": 0,',
            "the register of the digest is 0",
        ),
        Defect(
            UART_TOP,
            "rx, tx, link = UartRx(**self.line), UartTx(**self.line)",
            'rx, tx, link = UartRx(**self.line), UartTx(divisor=self.line["divisor"] + 1)',
            "bytes leave more slowly than they should",
        ),
    ],
    "axi_reader": [
        Defect(
            AXI_READER,
            '(left != 0) & (free >= params["burst"]) & ~self.stop',
            "(left != 0) & (free != 0) & ~self.stop",
            "a burst is asked for that there is no room for",
        ),
        Defect(
            AXI_READER,
            "free.eq(free - Mux(asked, chosen, 0) + taken)",
            "free.eq(free - Mux(asked, chosen, 0) + (taken & ~asked))",
            "room is forgotten when a beat leaves while a burst is asked for",
        ),
        Defect(
            AXI_READER,
            "to_edge.eq(burst - offset)",
            "to_edge.eq(burst)",
            "bursts are not aligned, and cross pages",
        ),
        Defect(
            AXI_READER,
            "length.eq(Mux(left < to_edge, left[:width], to_edge))",
            "length.eq(to_edge)",
            "the last burst is always whole",
        ),
        Defect(
            AXI_READER,
            "self.idle.eq((left == 0) & (free == self.depth))",
            "self.idle.eq(left == 0)",
            "it is idle while data are to come",
        ),
        Defect(
            AXI_READER,
            "with m.If(self.stop & (asked | ~self.bursts.valid)):",
            "with m.If(self.stop):",
            "a stop takes back a burst that was offered",
        ),
        Defect(
            AXI_READER,
            "full.eq(~last | (slots == 0))",
            "full.eq(~last)",
            "a full last beat has no words",
        ),
        Defect(
            AXI_READER,
            "give.eq(give - taken)",
            "give.eq(give - self.valid)",
            "the last beat is the one that comes last, not that leaves last",
        ),
        Defect(
            AXI_READER,
            "index.eq(self.address[checker.size_bits :])",
            "index.eq(self.address)",
            "addresses are of bytes",
        ),
        Defect(
            TRANSFER_CHECKER,
            "self.slots.eq(self.count & (words - 1))",
            "self.slots.eq(0)",
            "words beyond the last are kept",
        ),
    ],
    "dma": [
        Defect(
            DMA,
            "free.eq(idle & self.quiet & writer.empty)",
            "free.eq(idle & writer.empty)",
            "a job is done while the core has still something to do",
        ),
        Defect(
            DMA,
            "free.eq(idle & self.quiet & writer.empty)",
            "free.eq(idle & self.quiet)",
            "a job gets results that were left",
        ),
        Defect(
            DMA,
            '("LENGTH", mover.none & (needed | nothing))',
            '("LENGTH", mover.none & needed)',
            "a job without any words begins",
            "64x32, 3 streams",
        ),
        Defect(
            DMA,
            '("ALIGNMENT", ~mover.none & ~mover.aligned)',
            '("ALIGNMENT", ~mover.aligned)',
            "addresses without words have to be aligned",
        ),
        Defect(
            DMA,
            "for fault, number, index in reversed(faults):",
            "for fault, number, index in faults:",
            "of several wrong streams the last is told",
        ),
        Defect(
            DMA,
            "_CHECK = 2",
            "_CHECK = 3",
            "a register that is written next changes the job",
        ),
        Defect(
            DMA,
            "self.failed_stream.eq(memory.rid)",
            "self.failed_stream.eq(0)",
            "all errors of reads are the first stream's",
        ),
        Defect(
            DMA,
            "memory.bvalid & (memory.bresp != OKAY)",
            "memory.rvalid & (memory.bresp != OKAY)",
            "errors of writes are not told",
        ),
        Defect(
            DMA,
            "self.done.eq(free & ~self.stop)",
            "self.done.eq(free)",
            "a stopped job is done",
        ),
        Defect(
            DMA,
            "with m.If(self.start & free & ~self.stop):",
            "with m.If(self.start & free):",
            "a job begins while it is stopped",
        ),
        Defect(
            DMA,
            '"len": bursts.payload.length,',
            '"len": bursts.payload.length + 1,',
            "bursts are a beat too long",
        ),
        Defect(
            DMA,
            '"addr": bursts.payload.index << size_bits,',
            '"addr": bursts.payload.index,',
            "addresses are of beats",
        ),
        Defect(
            DMA,
            "writer.answer.eq(memory.bvalid)",
            "writer.answer.eq(memory.wlast & memory.wvalid & memory.wready)",
            "a job is done before its results are answered",
        ),
        Defect(
            DMA,
            "(self.start & (self.running | ~free | self.stop))",
            "(self.start & self.running)",
            "a start for which there are words left is not told",
        ),
        Defect(
            READ_PORT,
            "self.valid & (self.of == number)",
            "self.valid",
            "all readers get what one has asked for",
        ),
    ],
    "register_bank": [
        Defect(
            REGISTER_BANK,
            "allowed.eq(Mux(writing, writable, readable))",
            "allowed.eq(writable | readable)",
            "what can only be read can be written without an error",
        ),
        Defect(
            REGISTER_BANK,
            "hit.eq(bus.address == register.offset)",
            "hit.eq(bus.address[2:] == register.offset >> 2)",
            "addresses that are not aligned are taken for those that are",
        ),
        Defect(
            REGISTER_BANK,
            "stored.eq(stored & ~strobes[:width] | word[:width])",
            "stored.eq(word[:width])",
            "bytes that are not written become zero",
        ),
        Defect(
            REGISTER_BANK,
            "Mux(writes, write_data & strobes, 0)",
            "Mux(writes, write_data, 0)",
            "commands are given by bytes that are not written",
        ),
        Defect(
            REGISTER_BANK,
            "pending.eq(pending & ~cleared | Cat(self.done, fails))",
            "pending.eq((pending | Cat(self.done, fails)) & ~cleared)",
            "an event that comes while it is cleared is lost",
        ),
        Defect(
            REGISTER_BANK,
            "with m.If(fails & (~pending[1] | cleared[1])):",
            "with m.If(fails):",
            "a later error hides the first",
        ),
        Defect(
            REGISTER_BANK,
            "with m.Elif(cleared[1]):",
            "with m.Elif(cleared[0]):",
            "the error is cleared with the other event",
        ),
        Defect(
            REGISTER_BANK,
            "self.waits[index] & self.busy",
            "self.waits[index]",
            "waiting counts while there is no job",
        ),
        Defect(
            REGISTER_BANK,
            "cycles.eq(Mux(clear, 0, cycles + self.busy))",
            "cycles.eq(Mux(clear, self.busy, cycles + self.busy))",
            "a counter that is cleared begins at one",
        ),
        Defect(
            REGISTER_BANK,
            'self.start.eq(written["COMMAND"][1][1])',
            'self.start.eq(written["COMMAND"][1][0])',
            "clearing the counters starts a job",
        ),
        Defect(
            REGISTER_BANK,
            "bus.read_data.eq(Mux(writing, 0, answer))",
            "bus.read_data.eq(answer)",
            "a write is answered with what was there",
        ),
        Defect(
            REGISTER_BANK,
            "self.interrupt.eq((pending & enabled).any())",
            "self.interrupt.eq(pending.any())",
            "interrupts cannot be switched off",
        ),
        Defect(
            REGISTERS,
            "offset=0x104 + 16 * index",
            "offset=0x10C + 16 * index",
            "a register is elsewhere",
        ),
    ],
    "transfer_checker": [
        Defect(
            TRANSFER_CHECKER,
            "self.fits.eq(end <= 1 << self.index_width)",
            "self.fits.eq(end < 1 << self.index_width)",
            "the last beat cannot be used",
        ),
        Defect(
            TRANSFER_CHECKER,
            "end = Signal(max(len(beats), self.index_width) + 1)",
            "end = Signal(max(len(beats), self.index_width))",
            "so many words that they wrap around fit",
            "8x12, 1 word",
        ),
        Defect(
            TRANSFER_CHECKER,
            "(self.count + (words - 1) >> shift)",
            "(self.count >> shift)",
            "a last beat that is not full is forgotten",
        ),
        Defect(
            TRANSFER_CHECKER,
            "self.aligned.eq(self.address[: self.size_bits] == 0)",
            "self.aligned.eq(self.address[: self.size_bits - 1] == 0)",
            "the middle of a beat is aligned",
        ),
        Defect(
            TRANSFER_CHECKER,
            "beats = Signal(32 + factor.bit_length())",
            "beats = Signal(32)",
            "many words of several beats are few beats",
            "512x64, 5 beats",
        ),
        Defect(
            TRANSFER_CHECKER,
            "self.slots.eq(self.count & (words - 1))",
            "self.slots.eq(self.count & (words - 1) | (self.count == words))",
            "one full beat counts as a beat with one word",
        ),
        Defect(
            TRANSFER_CHECKER,
            "self.none.eq(self.count == 0)",
            "self.none.eq(self.count[:31] == 0)",
            "half of all that can be counted is nothing",
        ),
    ],
    "read_port": [
        Defect(
            READ_PORT,
            "Mux(behind.any(), _lowest(behind), _lowest(waiting))",
            "_lowest(waiting)",
            "the first reader always goes first",
        ),
        Defect(
            READ_PORT,
            "with m.If(queue.i.valid & queue.i.ready):",
            "with m.If(queue.i.valid):",
            "whose turn it is moves on while nobody goes",
        ),
        Defect(
            READ_PORT,
            "port.ready.eq(queue.i.ready & (chosen == number))",
            "port.ready.eq(queue.i.ready)",
            "bursts of readers whose turn it is not are lost",
        ),
        Defect(
            READ_PORT,
            "self.valid & (self.of == number)",
            "self.of == number",
            "data are there when there are none",
        ),
        Defect(
            READ_PORT,
            "word = Mux(chosen == number, port.payload.as_value(), word)",
            "word = Mux(chosen[0] == number & 1, port.payload.as_value(), word)",
            "the burst of another is asked for",
        ),
        Defect(
            READ_PORT,
            "queue.i.payload.eq(Cat(word, chosen))",
            "queue.i.payload.eq(Cat(word, chosen ^ 1))",
            "bursts have each other's IDs",
        ),
    ],
    "beats_to_words": [
        Defect(
            BEATS_TO_WORDS,
            "Cat(keeps[: slot + 1]).all()",
            "keeps[slot]",
            "words behind a gap count",
        ),
        Defect(
            BEATS_TO_WORDS,
            "word.last.eq(last & ~held[1] if slots > 1 else last)",
            "word.last.eq(last)",
            "every word of a last beat is the last",
        ),
        Defect(
            BEATS_TO_WORDS,
            "self.i.ready.eq(~held[0] | (self.o.ready & ~held[1:].any()))",
            "self.i.ready.eq(~held[0])",
            "a cycle passes between two beats",
        ),
        Defect(
            BEATS_TO_WORDS,
            "(beat.last & ~keeps[0]) | (Cat(keeps) != comes)",
            "Cat(keeps) != comes",
            "a last beat without words is not told",
        ),
        Defect(
            BEATS_TO_WORDS,
            "(beat.last & ~keeps[0]) | (Cat(keeps) != comes)",
            "beat.last & ~keeps[0]",
            "a gap is not told",
        ),
        Defect(
            BEATS_TO_WORDS,
            "with m.If(ends | self.broken):",
            "with m.If(ends):",
            "the part of a word goes to the next packet",
            "70 in 32",
        ),
        Defect(
            BEATS_TO_WORDS,
            "self.i.valid & self.i.ready & beat.keep[0]",
            "self.i.valid & self.i.ready",
            "beats without words are parts of words",
            "70 in 32",
        ),
        Defect(
            BEATS_TO_WORDS,
            "self.broken.eq(self.i.valid & self.i.ready & beat.last & ~ends)",
            "self.broken.eq(self.i.valid & beat.last & ~ends)",
            "a beat that waits is told before it is taken",
            "70 in 32",
        ),
        Defect(
            BEATS_TO_WORDS,
            "keeps = [beat.keep[slot * layout.stride]",
            "keeps = [beat.keep[(slot + 1) * layout.stride - 1]",
            "the highest byte of a word tells whether it is there",
        ),
    ],
    "words_to_beats": [
        Defect(
            WORDS_TO_BEATS,
            "Const(0, layout.stride * 8 - layout.width)",
            "register[: layout.stride * 8 - layout.width]",
            "bits between words are not zero",
        ),
        Defect(
            WORDS_TO_BEATS,
            "ends.eq(takes & (word.last | (place == slots - 1)))",
            "ends.eq(takes & (place == slots - 1))",
            "the last words of a packet wait for the next one",
        ),
        Defect(
            WORDS_TO_BEATS,
            "self.i.ready.eq(~full | self.o.ready)",
            "self.i.ready.eq(~full)",
            "a cycle passes between two beats",
        ),
        Defect(
            WORDS_TO_BEATS,
            "Mux(first, 1, Cat(1, kept))",
            "Cat(1, kept)",
            "a beat has as many words as the one before",
        ),
        Defect(
            WORDS_TO_BEATS,
            "bit.replicate(layout.stride)",
            "Cat(bit, Const(0, layout.stride - 1))",
            "only the lowest byte of a word is kept",
        ),
        Defect(
            WORDS_TO_BEATS,
            "m.d.sync += [full.eq(ends), last.eq(word.last)]",
            "m.d.sync += [full.eq(ends), last.eq(word.last | last)]",
            "each packet after the first ends with every beat",
        ),
        Defect(
            WORDS_TO_BEATS,
            "beat.last.eq(last & ~held[1])",
            "beat.last.eq(last)",
            "every beat of a last word is the last",
            "70 in 32",
        ),
        Defect(
            WORDS_TO_BEATS,
            "self.i.ready.eq(~held[0] | (self.o.ready & ~held[1]))",
            "self.i.ready.eq(~held[0] | self.o.ready)",
            "words replace those that have not all left",
            "70 in 32",
        ),
    ],
    "result_packetizer": [
        Defect(
            RESULT_PACKETIZER,
            "sure.eq(sized | ((waiting == 0) & (so_far > looked_at)))",
            "sure.eq(1)",
            "a word that turns out to be the last has left",
        ),
        Defect(
            RESULT_PACKETIZER,
            "sure.eq(sized | ((waiting == 0) & (so_far > looked_at)))",
            "sure.eq(sized)",
            "no word leaves before its packet has ended",
        ),
        Defect(
            RESULT_PACKETIZER,
            "looked_at.eq(Mux(waits, number, following))",
            "looked_at.eq(following)",
            "what is known of a word that waits is known of the next",
        ),
        Defect(
            RESULT_PACKETIZER,
            "last.eq(sizes.valid & (sizes.payload == 1))",
            "last.eq(0)",
            "packets of one word have no last",
        ),
        Defect(
            RESULT_PACKETIZER,
            "self.last | (self.single & (self.owed != 0))",
            "self.last | self.single",
            "with single a command that owes nothing ends a packet",
        ),
        Defect(
            RESULT_PACKETIZER,
            "sizes.i.valid.eq(ends & some)",
            "sizes.i.valid.eq(ends)",
            "packets that owe nothing have a packet of results",
        ),
        Defect(
            RESULT_PACKETIZER,
            "self.room.eq(waiting < _DEPTH - 1)",
            "self.room.eq(waiting < _DEPTH)",
            "a packet is lost when there is no room for it",
        ),
        Defect(
            RESULT_PACKETIZER,
            "self.busy.eq(accepted | open_ | (waiting != 0))",
            "self.busy.eq(waiting != 0)",
            "it is busy only once a packet has ended",
        ),
        Defect(
            RESULT_PACKETIZER,
            "following.eq(Mux(takes, 2, 1))",
            "following.eq(1)",
            "a word that comes as a last one leaves is not counted",
        ),
        Defect(
            RESULT_PACKETIZER,
            "self.i.ready.eq(~full | (self.o.ready & known))",
            "self.i.ready.eq(~full)",
            "a word every other cycle",
        ),
    ],
    "axi_writer": [
        Defect(
            AXI_WRITER,
            "(left != 0) & (stored >= chosen)",
            "(left != 0) & (stored != 0)",
            "a burst is announced before its data are there",
        ),
        Defect(
            AXI_WRITER,
            "enough.eq(settled.all() &",
            "enough.eq(",
            "a burst is announced when the data of one as long as the one before are there",
        ),
        Defect(
            AXI_WRITER,
            "& ~self.bursts.valid & (unanswered != _UNANSWERED)",
            "& (unanswered != _UNANSWERED)",
            "a burst replaces one that waits",
        ),
        Defect(
            AXI_WRITER,
            "(unanswered != _UNANSWERED) & ~self.stop",
            "~self.stop",
            "the count of answers overflows",
        ),
        Defect(
            AXI_WRITER,
            "unanswered.eq(unanswered + begins - self.answer)",
            "unanswered.eq(unanswered + (begins & ~self.answer) - self.answer)",
            "a burst that begins with an answer does not count",
        ),
        Defect(
            AXI_WRITER,
            "self.o.payload.last.eq(remaining == 1)",
            "self.o.payload.last.eq((remaining == 1) & (left == 0))",
            "a burst in the middle of a job has no last beat",
        ),
        Defect(
            AXI_WRITER,
            "Mux(remaining == 0, self.stop, self.o.ready)",
            "Mux(remaining == 0, 0, self.o.ready)",
            "what is left after a stop goes to the next job",
        ),
        Defect(
            AXI_WRITER,
            "m.d.sync += [left.eq(0), enough.eq(0)]",
            "m.d.sync += enough.eq(0)",
            "a stop ends no job",
        ),
        Defect(
            AXI_WRITER,
            "                & (unanswered == 0)\n",
            "",
            "it is idle before all is answered",
        ),
        Defect(
            AXI_WRITER,
            "Cat(self.i.payload.data, self.i.payload.keep)",
            "Cat(self.i.payload.data, ~(self.i.payload.keep & 0))",
            "all bytes are written",
        ),
        Defect(
            AXI_WRITER,
            "over.eq((remaining == 0) | ((remaining == 1) & leaves))",
            "over.eq(remaining == 0)",
            "a cycle passes between two bursts",
        ),
    ],
    "axi_lite": [
        Defect(
            AXI_LITE,
            "may_write.eq(aw_held & w_held & ~axi.bvalid)",
            "may_write.eq(aw_held & w_held)",
            "an answer that nobody has taken is replaced",
        ),
        Defect(
            AXI_LITE,
            "may_write.eq(aw_held & w_held & ~axi.bvalid)",
            "may_write.eq(aw_held & ~axi.bvalid)",
            "a write does not wait for its data",
        ),
        Defect(
            AXI_LITE,
            "may_read.eq(ar_held & ~axi.rvalid)",
            "may_read.eq(ar_held & ~axi.rvalid & ~aw_held)",
            "reads wait for half a write",
        ),
        Defect(
            AXI_LITE,
            "bus.request.eq((may_write | may_read) & ~asked)",
            "bus.request.eq(may_write | may_read)",
            "a register is asked for twice",
        ),
        Defect(
            AXI_LITE,
            "response = Mux(bus.error, SLVERR, OKAY)",
            "response = OKAY",
            "errors are not told",
        ),
        Defect(
            AXI_LITE,
            "axi.awready.eq(~aw_held)",
            "axi.awready.eq(~aw_held & axi.wvalid)",
            "an address waits for its data",
        ),
        Defect(
            AXI_LITE,
            "with m.If(axi.rvalid & axi.rready):",
            "with m.If(axi.rready | bus.request):",
            "an answer is taken back",
        ),
        Defect(
            AXI_LITE,
            "bus.strobe.eq(strobe)",
            "bus.strobe.eq(15)",
            "single bytes cannot be written",
        ),
    ],
    "shell": [
        Defect(
            SHELL,
            "beats.ready.eq(converter.i.ready | self.reset)",
            "beats.ready.eq(converter.i.ready)",
            "what comes in a reset is kept",
        ),
        Defect(
            SHELL,
            "resets.eq(bank.reset | draining)",
            "resets.eq(bank.reset)",
            "the reset ends before all is drained",
        ),
        Defect(
            SHELL,
            "converter.i.valid.eq(beats.valid & ~self.reset)",
            "converter.i.valid.eq(beats.valid)",
            "what is dropped is told to be wrong",
        ),
        Defect(
            SHELL,
            "self.results.valid.eq(beats.o.valid & ~self.reset)",
            "self.results.valid.eq(beats.o.valid)",
            "results are offered in a reset",
        ),
        Defect(
            SHELL,
            'unit.domain = "core"',
            'unit.domain = "sync"',
            "a soft reset resets nothing",
        ),
        Defect(
            SHELL,
            "self.quiet.eq(Cat(empty).all() & ~packetizer.busy)",
            "self.quiet.eq(Cat(empty).all())",
            "it is quiet while results are owed",
        ),
        Defect(
            SHELL,
            "waits.append(ready & ~port.valid)",
            "waits.append(port.valid & ~ready)",
            "what is counted is how long the core lets wait",
        ),
        Defect(
            SHELL,
            "packetizer.last.eq(words.payload.last)",
            "packetizer.last.eq(1)",
            "every command is a packet",
        ),
        Defect(
            SHELL,
            "broken.append(converter.broken)",
            "broken.insert(0, converter.broken)",
            "another stream is told to be wrong",
        ),
        Defect(
            SHELL,
            "packetizer.single.eq(bank.single)",
            "packetizer.single.eq(0)",
            "runs have no packets of their own",
        ),
        Defect(
            SHELL,
            "bank.done.eq(last)",
            "bank.done.eq(0)",
            "nothing tells that a packet has left",
        ),
        Defect(
            SHELL,
            "bank.busy.eq(self.running)",
            "bank.busy.eq(0)",
            "a job is never busy",
            "gemm_os, DMA",
        ),
        Defect(
            SHELL,
            "self.count.eq(bank.count)",
            "self.count.eq(bank.address)",
            "counts are addresses",
            "gemm_os, DMA",
        ),
    ],
    "axis_top": [
        Defect(
            AXIS_TOP,
            "beats.payload.keep.eq(port.tkeep)",
            "beats.payload.keep.eq(~0)",
            "bytes that are none are words",
        ),
        Defect(
            AXIS_TOP,
            "beats.payload.last.eq(port.tlast)",
            "beats.payload.last.eq(1)",
            "a beat is a packet",
        ),
        Defect(
            AXIS_TOP,
            "Cat(port.tdata, port.tkeep, port.tlast)",
            "Cat(port.tdata, port.tlast, port.tkeep)",
            "marks of the results are mixed up",
        ),
        Defect(
            AXIS_TOP,
            "port.tvalid.eq(results.o.valid)",
            "port.tvalid.eq(results.o.valid & ~shell.reset)",
            "a soft reset takes back what is offered",
        ),
        Defect(
            AXIS_TOP,
            "results.o.ready.eq(port.tready)",
            "results.o.ready.eq(1)",
            "results leave whether they are taken or not",
        ),
        Defect(
            AXIS_TOP,
            "domain.rst.eq(~top.aresetn)",
            "domain.rst.eq(0)",
            "nothing is reset",
        ),
        Defect(
            AXIS_TOP,
            "top.interrupt.eq(shell.interrupt)",
            "top.interrupt.eq(shell.reset)",
            "there is no interrupt",
        ),
        Defect(
            SHELL,
            "converter.i.valid.eq(beats.valid & ~self.reset)",
            "converter.i.valid.eq(beats.valid)",
            "beats are taken in reset",
        ),
        Defect(
            SHELL,
            "beats.ready.eq(converter.i.ready | self.reset)",
            "beats.ready.eq(converter.i.ready & ~self.reset)",
            "what comes in a soft reset waits for its end",
        ),
        Defect(
            RESULT_PACKETIZER,
            "sure.eq(sized | ((waiting == 0) & (so_far > looked_at)))",
            "sure.eq(sized | (waiting == 0))",
            "a packet whose last commands owe nothing has no end",
            "eie-64-lanes",
        ),
    ],
    "axi_top": [
        Defect(
            AXI_TOP,
            "dma.stop.eq(shell.reset)",
            "dma.stop.eq(0)",
            "a soft reset does not end the job",
        ),
        Defect(
            AXI_TOP,
            "shell.drained.eq(dma.drained)",
            "shell.drained.eq(1)",
            "a soft reset ends before the bursts on their way",
        ),
        Defect(
            AXI_TOP,
            "dma.quiet.eq(shell.quiet)",
            "dma.quiet.eq(1)",
            "a job ends though the core has words left",
        ),
        Defect(
            AXI_TOP,
            "shell.failed_stream.eq(dma.failed_stream)",
            "shell.failed_stream.eq(0)",
            "errors are told of the first stream",
        ),
        Defect(
            AXI_TOP,
            '1 << streams[name]["index"] for name in core.required_streams',
            "0 for name in core.required_streams",
            "jobs without operands are begun",
        ),
        Defect(
            DMA,
            "bursts.payload.index << size_bits",
            "(bursts.payload.index << size_bits)[:32]",
            "addresses have 32 bits",
            "ws-32-scale-40",
        ),
        Defect(
            DMA,
            "memory.wstrb.eq(writer.o.payload.strobe)",
            "memory.wstrb.eq(~0)",
            "bytes behind the results are written",
        ),
        Defect(
            DMA,
            "(memory.rresp != OKAY)",
            "(memory.rresp == 2)",
            "an address that nobody has is no error",
        ),
        Defect(
            AXI_READER,
            '(free >= params["burst"])',
            "(free != 0)",
            "more is asked for than there is room for",
        ),
    ],
}


def find(unit: str) -> Path:
    """The pytest file of a unit, which has its cases."""
    (path,) = (ROOT / "tests").glob(f"*/test_{unit}.py")
    return path


def broken(defect: Defect, text: str) -> str:
    """The file's text with the defect."""
    if text.count(defect.old) != 1:
        raise ValueError(f"{defect.file}: {defect.old!r} occurs {text.count(defect.old)} times")
    return text.replace(defect.old, defect.new)


def attempt(unit: str, defect: Defect) -> dict:
    """Break a copy of the package and run the unit's bench on it.

    Returns
    -------
    dict
        ``caught``, the test that failed, or none; ``error``, if nothing could be tested; and
        ``seconds``.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="brickwork-defect-") as folder:
        package = Path(folder) / "brickwork"
        for folder_name in ("hdl", "gen", "sim"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / folder_name, package / folder_name, ignore=ignored)
        path = package / defect.file
        try:
            path.write_text(broken(defect, path.read_text("utf-8")), "utf-8")
        except ValueError as error:
            return {"error": str(error), "seconds": 0.0}
        # Builds that nobody will want again; the runtime, the same for all, is shared.
        from brickwork.sim import cache

        scratch = Path(folder) / "cache"
        scratch.mkdir()
        runtime = cache.folder() / "runtime"
        runtime.mkdir(parents=True, exist_ok=True)
        (scratch / "runtime").symlink_to(runtime)
        env = os.environ | {"PYTHONPATH": folder, "BRICKWORK_CACHE": str(scratch)}
        done = subprocess.run(
            [sys.executable, __file__, "--run", folder, unit, *filter(None, [defect.case])],
            env=env,
            capture_output=True,
            text=True,
            cwd=folder,
        )
        try:
            outcome = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            outcome = {"error": (done.stderr.strip() or "no output").splitlines()[-1]}
    return outcome | {"seconds": time.monotonic() - start}


def run_cases(folder: str, unit: str, first: str) -> dict:
    """Run the unit's bench on its cases until one fails; this is the child's part."""
    from brickwork.gen.emission.emit import emit_unit
    from brickwork.sim.verilator.simulate import simulate

    cases = runpy.run_path(str(find(unit)))["CASES"]
    for name, (cls, parameters) in sorted(cases.items(), key=lambda case: case[0] != first):
        source = Path(sys.modules[cls.__module__].__file__)
        assert source.is_relative_to(folder), f"{source} is not the copy"
        workdir = Path(folder) / "out" / re.sub(r"\W", "_", name)
        manifest = emit_unit(cls(**parameters), workdir).manifest
        bench = cls.__module__.replace(".hdl.", ".sim.tb.")
        outcome = simulate(manifest, bench, workdir=workdir, timeout_s=120)
        failed = [test for test in outcome.tests if not test.ok]
        if failed:
            function, slash, values = failed[0].name.partition("/")
            return {"caught": f"{function.rpartition('.')[2]}{slash}{values} on {name}"}
        if not outcome.passed:
            return {"error": outcome.reason}
    return {"caught": ""}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("units", metavar="UNIT", nargs="*", help="default: all units")
    parser.add_argument("--run", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.run:
        unit, first = [*options.units, ""][:2]
        print(json.dumps(run_cases(options.run, unit, first)))
        return 0
    if unknown := [unit for unit in options.units if unit not in DEFECTS]:
        parser.error(f"Unit must be one of {', '.join(DEFECTS)}, not {unknown[0]!r}")
    jobs = [(unit, defect) for unit in options.units or DEFECTS for defect in DEFECTS[unit]]
    survived = 0
    with ThreadPoolExecutor(2) as pool:
        for (unit, defect), outcome in zip(
            jobs, pool.map(lambda job: attempt(*job), jobs), strict=True
        ):
            state = (
                outcome.get("caught") or f"NOT CAUGHT: {outcome.get('error', 'every test passed')}"
            )
            survived += not outcome.get("caught")
            seconds = f"{outcome['seconds']:.1f} s"
            print(unit, defect.effect, state, seconds, sep="\t", flush=True)
    print(f"{len(jobs) - survived} of {len(jobs)} defects were caught")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
