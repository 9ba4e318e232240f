// PeNm: the sums grow by the products of each row's weight with the activation that its index
// chooses, for all operands, sums and movements of weights, from the cycle on in which a row has a
// weight; with group_sum=skew row 1 is a cycle later.

module harness #(parameter SKEW = 0, BITS = 4, SUM = 9, LATE = SKEW ? 1 : 0) (
    input clk, input rst, input [4*BITS-1:0] acts, input [1:0] shift, input swap,
    input [BITS+1:0] weights, input signed [SUM-1:0] psums
);
  wire [4*BITS-1:0] acts_o;
  wire [1:0] shift_o;
  wire swap_o;
  wire [BITS+1:0] weights_o;
  wire signed [SUM-1:0] psums_o;
  pe_nm unit (
      .clk(clk), .acts(acts), .acts_o(acts_o), .shift(shift), .shift_o(shift_o),
      .swap(swap), .swap_o(swap_o), .weights(weights), .weights_o(weights_o), .psums(psums),
      .psums_o(psums_o)
  );
  always @* if (shift[0]) assume (weights[BITS +: 2] <= 2);

  // The chain of weights, those in use, and whether there are any.
  reg [BITS+1:0] shadow_0, shadow_1;
  reg [1:0] index_0, index_1;
  reg signed [BITS-1:0] weight_0, weight_1;
  reg [1:0] loaded = 0, chosen = 0, used = 0;
  reg swapped, begun = 0;
  wire late = SKEW ? swapped : swap;
  always @(posedge clk) begin
    {swapped, begun} <= {swap, 1'b1};
    if (shift[0]) shadow_0 <= weights;
    if (shift[1]) shadow_1 <= shadow_0;
    if (swap) {index_0, weight_0, index_1} <= {shadow_0, shadow_1[BITS +: 2]};
    if (late) weight_1 <= shadow_1[0 +: BITS];
    if (rst) {loaded, chosen, used} <= 0;
    else begin
      loaded <= {shift[1] ? loaded[0] : loaded[1], shift[0] | loaded[0]};
      if (swap) chosen <= loaded;
      used <= {late ? loaded[1] : used[1], swap ? loaded[0] : used[0]};
    end
  end

  // What the group computes; a bit of ``sound`` for each register whose value is known.
  reg [4*BITS-1:0] passing;
  reg signed [BITS-1:0] delayed;
  reg signed [2*BITS-1:0] product_0, product_1;
  reg signed [SUM-1:0] sum_0, sum;
  reg [5:0] sound = 0;
  wire signed [BITS-1:0] choice_0 = passing[BITS * index_0 +: BITS];
  wire signed [BITS-1:0] choice_1 = passing[BITS * (1 + index_1) +: BITS];
  always @(posedge clk) begin
    passing <= acts;
    delayed <= choice_1;
    product_0 <= choice_0 * weight_0;
    product_1 <= (SKEW ? delayed : choice_1) * weight_1;
    sum_0 <= psums + product_0;
    sum <= SKEW ? sum_0 + product_1 : psums + product_0 + product_1;
    sound <= rst ? 0 : {
      (SKEW ? sound[4] : sound[2]) && sound[3], sound[2],
      (SKEW ? sound[1] : sound[0] && chosen[1]) && used[1], sound[0] && used[0],
      sound[0] && chosen[1], 1'b1};
  end
  wire [BITS+1:0] unit__shadow_0;
  wire [1:0] unit__index_0, unit__index_1;
  wire [BITS-1:0] unit__weight_0, unit__weight_1, unit__chosen_1_1;
  wire [2*BITS-1:0] unit__product_0, unit__product_1;
  wire [SUM-1:0] unit__psum_0;
  wire unit__swap_later;
  always @* if (!rst) begin
    if (loaded[0]) assert (unit__shadow_0 == shadow_0 && shadow_0[BITS +: 2] <= 2);
    if (loaded[1]) assert (weights_o == shadow_1 && shadow_1[BITS +: 2] <= 2);
    if (chosen[0]) assert (unit__index_0 == index_0 && index_0 <= 2);
    if (chosen[1]) assert (unit__index_1 == index_1 && index_1 <= 2);
    if (used[0]) assert (unit__weight_0 == weight_0 && chosen[0]);
    if (used[1]) assert (unit__weight_1 == weight_1);
    if (sound[0]) assert (acts_o == passing);
    if (sound[2]) assert (unit__product_0 == product_0);
    if (sound[3]) assert (unit__product_1 == product_1);
    if (sound[5]) assert (psums_o == sum);
    if (SKEW) begin
      if (begun) assert (unit__swap_later == swapped);
      if (sound[1]) assert (unit__chosen_1_1 == delayed);
      if (sound[4]) assert (unit__psum_0 == sum_0);
    end
    cover (sound[5] && sum == 9'd100 && index_0 == 2 && index_1 == 1);
  end
endmodule
