"""From Verilog to area, clock and bitstreams: yosys, nextpnr, targets, boards."""
