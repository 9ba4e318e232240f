// EntryReader: the groups of each column come, in order, as they were written, with the column's
// activation and a mark at the first; one in every cycle while columns with entries come, the first
// after 2 cycles; busy is right, and no column waits for anything else.

module harness #(parameter GROUP = 2, WORD = 4, ADDRESS = 1, POINTER = 3, ACT = 2, GROUPS = 4) (
    input clk, input rst, input [ACT+2*POINTER-1:0] i_payload, input i_valid,
    input write, input [ADDRESS-1:0] address, input [WORD-1:0] word
);
  localparam IN_WORD = WORD / GROUP;
  wire i_ready, valid, first, busy;
  wire [GROUP-1:0] group;
  wire [ACT-1:0] act;
  entry_reader unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .valid(valid), .first(first), .group(group), .act(act),
      .write(write), .address(address), .word(word), .busy(busy)
  );
  stream_assumed #(ACT + 2 * POINTER) i (clk, rst, i_valid, i_ready, i_payload);
  wire [POINTER-1:0] start = i_payload[ACT +: POINTER], stop = i_payload[ACT+POINTER +: POINTER];
  wire some = start != stop;
  always @* if (i_valid) assume (start <= stop && stop <= GROUPS);
  // Nothing is written while entries are read.
  always @* if (write) assume (!busy && !i_valid);

  // A group, any of them, and what was written there.
  (* anyconst *) reg [POINTER-1:0] chosen;
  reg [GROUP-1:0] data;
  reg known = 0;
  always @* assume (chosen < GROUPS);
  always @(posedge clk)
    if (write && address == chosen / IN_WORD)
      {known, data} <= {1'b1, word[chosen % IN_WORD * GROUP +: GROUP]};

  // Columns that were taken and have groups left, and the column at the input after them; ``next``
  // is the group that is to come of the first of these, once ``begun``.
  reg [1:0] inside = 0;
  reg [ACT+2*POINTER-1:0] oldest, younger;
  reg begun = 0;
  reg [POINTER-1:0] after;
  wire [ACT+2*POINTER-1:0] column = inside ? oldest : i_payload;
  wire [POINTER-1:0] next = begun ? after : column[ACT +: POINTER];
  wire takes = i_valid && i_ready && some;
  wire ends = valid && next + 1 == column[ACT+POINTER +: POINTER];
  wire [1:0] stay = inside - ends;
  always @(posedge clk)
    if (rst) {inside, begun} <= 0;
    else begin
      inside <= stay + takes;
      if (takes && stay == 0) oldest <= i_payload;
      else if (ends) oldest <= younger;
      if (takes && stay == 1) younger <= i_payload;
      if (valid) {begun, after} <= {!ends, next + 1'b1};
    end
  reg [1:0] came = 0;
  always @(posedge clk) came <= rst ? 0 : {came[0], i_valid && some};
  always @* if (!rst) begin
    assert (inside <= 2);
    if (valid) begin
      assert (inside != 0 || (i_valid && some && !ends));
      assert (first == !begun && act == column[0 +: ACT]);
      if (known && next == chosen) assert (group == data);
    end
    if (came[1]) assert (valid);
    if (inside != 0 || valid) assert (busy);
    if (inside == 0 && !came[0]) assert (!busy);
    if (i_valid && !some && !busy) assert (i_ready);
  end
  always @(posedge clk) if (!rst) begin
    cover (valid && known && next == chosen && begun && chosen == GROUPS - 1 && inside == 1);
    cover (valid && ends && inside == 2 && known && next == chosen && first);
  end
endmodule
