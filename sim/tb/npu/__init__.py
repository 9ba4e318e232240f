"""Test benches of the units of the network processor."""
