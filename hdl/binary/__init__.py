"""Engine of operands of one bit, and of wider ones bit by bit."""
