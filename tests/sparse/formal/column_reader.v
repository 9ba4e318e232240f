// ColumnReader, with empty columns passed on: the span of each column comes, in order, with its
// activation and the two pointers as they were written last; after 2 cycles, if none waits.

module harness #(parameter COLUMN = 2, ADDRESS = 3, POINTER = 2, ACT = 2) (
    input clk, input rst, input [ACT+COLUMN-1:0] i_payload, input i_valid, input o_ready,
    input write, input [ADDRESS-1:0] address, input [POINTER-1:0] pointer, input pick
);
  wire i_ready, o_valid, busy;
  wire [ACT+2*POINTER-1:0] o_payload;
  wire [COLUMN-1:0] column = i_payload[ACT +: COLUMN];
  column_reader unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready), .write(write),
      .address(address), .pointer(pointer), .busy(busy)
  );
  stream_assumed #(ACT + COLUMN) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(ACT + 2 * POINTER) o (clk, rst, o_valid, o_ready, o_payload);

  // One column, any of them, and what was written of its pointers.
  (* anyconst *) reg [COLUMN-1:0] chosen;
  reg [POINTER-1:0] start, stop;
  reg known_start = 0, known_stop = 0;
  wire takes = i_valid && i_ready, gives = o_valid && o_ready;
  // No pointer is written in the cycle in which it is read.
  always @* if (write && takes) assume (address != column && address != column + 1);
  always @(posedge clk) begin
    if (write && address == chosen) {known_start, start} <= {1'b1, pointer};
    if (write && address == chosen + 1) {known_stop, stop} <= {1'b1, pointer};
  end

  // An activation of that column that is picked when it comes, and those before it.
  reg picked = 0;
  reg [2:0] inside = 0, before = 0;
  reg [ACT+2*POINTER-1:0] span;
  always @(posedge clk)
    if (rst) {picked, inside} <= 0;
    else begin
      inside <= inside + takes - gives;
      if (picked) begin
        before <= before - gives;
        if (gives && before == 0) picked <= 0;
      end else if (takes && pick && column == chosen && known_start && known_stop) begin
        {picked, before} <= {1'b1, inside - gives};
        span <= {stop, start, i_payload[ACT-1:0]};
      end
    end
  reg waited = 0;
  always @(posedge clk) waited <= inside != 0 && !o_valid && !rst;
  always @* if (!rst) begin
    assert (inside <= 3 && busy == (inside != 0));
    if (o_valid) assert (inside != 0);
    if (o_valid && picked && before == 0) assert (o_payload == span);
    if (waited) assert (o_valid);
    if (inside < 2) assert (i_ready);
  end
  always @(posedge clk) if (!rst) begin
    cover (gives && picked && before == 0 && inside == 3 && chosen == 3);
    cover (gives && picked && before == 0 && start != stop && chosen == 2);
  end
endmodule
