// RegisterSlice: the word that was taken last is held until it is given up, and no word is lost;
// the next one is there in the next cycle.

module harness #(parameter WIDTH = 1) (
    input clk, input rst, input [WIDTH-1:0] i_payload, input i_valid, input take
);
  wire i_ready, held;
  wire [WIDTH-1:0] word;
  register_slice unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .held(held), .word(word), .take(take)
  );
  stream_assumed #(WIDTH) i (clk, rst, i_valid, i_ready, i_payload);

  reg full = 0;
  reg [WIDTH-1:0] item;
  wire puts = i_valid && i_ready;
  always @(posedge clk)
    if (rst) full <= 0;
    else begin
      full <= puts || (full && !take);
      if (puts) item <= i_payload;
    end
  always @* begin
    if (take) assume (held);
    if (!rst) begin
      assert (held == full);
      assert (i_ready == (!full || take));
      if (full) assert (word == item);
    end
  end
  always @(posedge clk) begin
    cover (full && take && puts && !rst);
    cover (full && !take && i_valid && !rst);
  end
endmodule
