// PeBinary: the sums grow by the number of products that are 1, for all operands, sums and movements
// of weights, from the cycle on in which the weights are there.

module harness #(parameter PACK = 4, SUM = 4, BIN = 1) (
    input clk, input rst, input [PACK-1:0] acts, input shift, input swap,
    input [PACK-1:0] weights, input [SUM-1:0] psums
);
  wire [PACK-1:0] acts_o, weights_o;
  wire shift_o, swap_o;
  wire [SUM-1:0] psums_o;
  pe_binary unit (
      .clk(clk), .acts(acts), .acts_o(acts_o), .shift(shift), .shift_o(shift_o),
      .swap(swap), .swap_o(swap_o), .weights(weights), .weights_o(weights_o), .psums(psums),
      .psums_o(psums_o)
  );

  // The weights on their way and in use, and whether there are any.
  reg [PACK-1:0] shadow, used;
  reg loaded = 0, valid = 0;
  always @(posedge clk) begin
    if (shift) shadow <= weights;
    if (swap) used <= shadow;
    loaded <= !rst && (loaded || shift);
    valid <= !rst && (swap ? loaded : valid);
  end

  // Ones of the products, one after the other; a bit of ``sound`` for each register that is known.
  function [SUM-1:0] ones(input [PACK-1:0] a, input [PACK-1:0] w);
    integer index;
    begin
      ones = 0;
      for (index = 0; index < PACK; index = index + 1)
        if (BIN ? a[index] == w[index] : a[index] && w[index]) ones = ones + 1;
    end
  endfunction
  reg [PACK-1:0] passing;
  reg [SUM-1:0] number, sum;
  reg [2:0] sound = 0;
  wire [SUM-1:0] unit__count;
  always @(posedge clk) begin
    passing <= acts;
    number <= ones(passing, used);
    sum <= psums + number;
    sound <= rst ? 0 : {sound[1], sound[0] && valid, 1'b1};
  end
  wire [PACK-1:0] unit__weight;
  always @* if (!rst) begin
    if (loaded) assert (weights_o == shadow);
    if (valid) assert (unit__weight == used);
    if (sound[0]) assert (acts_o == passing);
    if (sound[1]) assert (unit__count == number);
    if (sound[2]) assert (psums_o == sum);
    cover (sound[2] && sum == PACK - 1 && number == PACK);
  end
endmodule
