"""A library of cells, for tests of synthesis."""

__all__ = ["LIBRARY"]

#: The least library that ABC takes.
LIBRARY = """
library(tiny) {
  cell(BUF) { area: 2;
    pin(a) { direction: input; }
    pin(y) { direction: output; function: "a"; }
  }
  cell(INV) { area: 1;
    pin(a) { direction: input; }
    pin(y) { direction: output; function: "!a"; }
  }
  cell(NAND) { area: 3;
    pin(a) { direction: input; } pin(b) { direction: input; }
    pin(y) { direction: output; function: "!(a b)"; }
  }
  cell(NOR) { area: 3;
    pin(a) { direction: input; } pin(b) { direction: input; }
    pin(y) { direction: output; function: "!(a+b)"; }
  }
  cell(DFF) { area: 10;
    ff(q, qn) { clocked_on: "clk"; next_state: "d"; }
    pin(clk) { direction: input; clock: true; } pin(d) { direction: input; }
    pin(o) { direction: output; function: "q"; }
  }
}
"""
