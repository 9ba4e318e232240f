"""Emission of designs: Verilog and manifest."""
