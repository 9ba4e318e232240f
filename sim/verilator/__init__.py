"""Simulation in Verilator: its toolchain, builds, test benches and running cores."""
