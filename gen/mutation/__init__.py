"""Mutation of emitted netlists: whether the bench of a unit notices faults of its hardware."""
