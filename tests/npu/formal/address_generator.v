// AddressGenerator: every iteration of loops leaves once, in order, as the closed form says: address,
// row and column as sums of products, bounds, first and last of all levels; loops are taken in the
// cycle in which the ones before leave, and the first iteration follows in the next one.

module harness #(parameter W = 2, C = 1) (
    input clk, input rst, input i_valid, input o_ready,
    input [W-1:0] base, input [C-1:0] count_0, count_1, input [W-1:0] step_0, step_1,
    input [1:0] row, row_step_0, row_step_1, input rows,
    input [1:0] column, column_step_0, column_step_1, input columns
);
  wire i_ready, o_valid;
  wire [W+4:0] o_payload;
  wire [14+3*W+2*C-1:0] i_payload = {
    columns, column_step_1, column_step_0, column, rows, row_step_1, row_step_0, row,
    step_1, step_0, count_1, count_0, base};
  address_generator unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_assumed #(14 + 3 * W + 2 * C) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(W + 5) o (clk, rst, o_valid, o_ready, o_payload);

  // The loops, and the indices of the iteration that goes into the queue of outputs next.
  (* keep *) wire unit__queue__i_valid, unit__queue__i_ready;
  (* keep *) wire [W+4:0] unit__queue__i_payload;
  reg walks = 0;
  reg [14+3*W+2*C-1:0] loops;
  reg [C-1:0] index_0, index_1;
  wire [W-1:0] base_q, steps_0, steps_1;
  wire [C-1:0] counts_0, counts_1;
  wire [1:0] row_q, row_steps_0, row_steps_1, column_q, column_steps_0, column_steps_1;
  wire rows_q, columns_q;
  assign {columns_q, column_steps_1, column_steps_0, column_q, rows_q, row_steps_1, row_steps_0,
      row_q, steps_1, steps_0, counts_1, counts_0, base_q} = loops;
  wire [W-1:0] address = base_q + index_0 * steps_0 + index_1 * steps_1;
  wire signed [1:0] y = row_q + index_0 * row_steps_0 + index_1 * row_steps_1;
  wire signed [1:0] x = column_q + index_0 * column_steps_0 + index_1 * column_steps_1;
  wire inside = y >= 0 && y <= $signed({1'b0, rows_q}) && x >= 0 && x <= $signed({1'b0, columns_q});
  wire first_0 = index_0 == 0, first_1 = first_0 && index_1 == 0;
  wire last_0 = index_0 == counts_0, last_1 = last_0 && index_1 == counts_1;
  wire leaves = unit__queue__i_valid && unit__queue__i_ready;
  wire takes = i_valid && i_ready;
  always @(posedge clk)
    if (rst) walks <= 0;
    else if (takes) begin
      walks <= 1;
      loops <= i_payload;
      {index_0, index_1} <= 0;
    end else if (leaves) begin
      walks <= !last_1;
      index_0 <= last_0 ? 0 : index_0 + 1;
      index_1 <= index_1 + last_0;
    end
  always @* if (!rst) begin
    assert (unit__queue__i_valid == walks);
    assert (i_ready == (!walks || (last_1 && unit__queue__i_ready)));
    if (walks)
      assert (unit__queue__i_payload == {last_1, last_0, first_1, first_0, inside, address});
  end
  always @(posedge clk) if (!rst) begin
    cover (walks && last_1 && counts_0 != 0 && counts_1 != 0 && takes);
    cover (walks && inside && !first_1 && leaves);
    cover (walks && !inside && !first_0 && !leaves);
  end
endmodule
