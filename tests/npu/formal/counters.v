// Counters: all bits of each counter count the cycles with its event, from a clear or a reset on.

module harness (input clk, input rst, input clear, input [20:0] events);
  // Counters of 64 bits, by their numbers; the others have 32.
  localparam [20:0] LONG = 21'b000000_0001_001_001_0001_1;
  wire [831:0] values;
  counters unit (.clk(clk), .rst(rst), .events(events), .clear(clear), .values(values));

  genvar n;
  generate
    for (n = 0; n < 21; n = n + 1) begin : counter
      localparam LOW = 32 * (n + (n > 0) + (n > 1) + (n > 5) + (n > 8) + (n > 11));
      localparam WIDTH = 32 << LONG[n];
      reg [WIDTH-1:0] expected = 0;
      always @(posedge clk)
        expected <= rst || clear ? 0 : values[LOW +: WIDTH] + events[n];
      always @* assert (values[LOW +: WIDTH] == expected);
    end
  endgenerate
  always @(posedge clk) if (!rst) begin
    cover (clear && events[0] && values[63:0] == 3);
    cover (values[831:800] == 2 && events[20]);
  end
endmodule
