"""Floating-point arithmetic: addition, products, conversion of integers and to narrow formats."""
