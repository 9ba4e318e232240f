// PeOutlier: the sums grow by the products of the dense digits with the activations of their lanes,
// and of the outlier, 2^B times, with that of the lane that its index chooses, for all operands,
// sums and movements of words, from the cycle on in which the words are there.

module harness #(parameter BITS = 2, ACT = 3, SUM = 9) (
    input clk, input rst, input [2*ACT-1:0] acts, input [3:0] shift, input swap,
    input [BITS-1:0] weights, input signed [SUM-1:0] psums
);
  wire [2*ACT-1:0] acts_o;
  wire [3:0] shift_o;
  wire swap_o;
  wire [BITS-1:0] weights_o;
  wire signed [SUM-1:0] psums_o;
  pe_outlier unit (
      .clk(clk), .acts(acts), .acts_o(acts_o), .shift(shift), .shift_o(shift_o),
      .swap(swap), .swap_o(swap_o), .weights(weights), .weights_o(weights_o), .psums(psums),
      .psums_o(psums_o)
  );

  // The chain of words, digits in use, and whether there are any.
  reg [BITS-1:0] word_0, word_1, word_2, word_3;
  reg signed [BITS-1:0] digit_0, digit_1;
  reg signed [BITS:0] upper;
  reg index;
  reg [3:0] loaded = 0;
  reg used = 0;
  always @(posedge clk) begin
    if (shift[0]) word_0 <= weights;
    if (shift[1]) word_1 <= word_0;
    if (shift[2]) word_2 <= word_1;
    if (shift[3]) word_3 <= word_2;
    if (swap) {digit_0, digit_1, upper, index} <= {word_0, word_1, word_3[0], word_2, word_3[1]};
    if (rst) {loaded, used} <= 0;
    else begin
      loaded <= {shift[3] ? loaded[2] : loaded[3], shift[2] ? loaded[1] : loaded[2],
                 shift[1] ? loaded[0] : loaded[1], shift[0] | loaded[0]};
      if (swap) used <= &loaded;
    end
  end

  // What the group computes; a bit of ``sound`` for each register whose value is known.
  reg [2*ACT-1:0] passing;
  reg signed [ACT+BITS-1:0] product_0, product_1;
  reg signed [ACT+BITS:0] product_2;
  reg signed [SUM-1:0] sum;
  reg [2:0] sound = 0;
  wire signed [ACT-1:0] act_0 = passing[0 +: ACT], act_1 = passing[ACT +: ACT];
  wire signed [ACT-1:0] chosen = index ? act_1 : act_0;
  wire signed [SUM-1:0] scaled = product_2 <<< BITS;
  always @(posedge clk) begin
    passing <= acts;
    product_0 <= act_0 * digit_0;
    product_1 <= act_1 * digit_1;
    product_2 <= chosen * upper;
    sum <= psums + product_0 + product_1 + scaled;
    sound <= rst ? 0 : {sound[1], sound[0] && used, 1'b1};
  end
  wire [BITS-1:0] unit__shadow_0, unit__shadow_1, unit__shadow_2;
  wire [BITS-1:0] unit__weight_0, unit__weight_1;
  wire [BITS:0] unit__weight_2;
  wire unit__index_2;
  wire [ACT+BITS-1:0] unit__product_0, unit__product_1;
  wire [ACT+BITS:0] unit__product_2;
  always @* if (!rst) begin
    if (loaded[0]) assert (unit__shadow_0 == word_0);
    if (loaded[1]) assert (unit__shadow_1 == word_1);
    if (loaded[2]) assert (unit__shadow_2 == word_2);
    if (loaded[3]) assert (weights_o == word_3);
    if (used) assert (unit__weight_0 == digit_0 && unit__weight_1 == digit_1);
    if (used) assert (unit__weight_2 == upper && unit__index_2 == index);
    if (sound[0]) assert (acts_o == passing);
    if (sound[1]) begin
      assert (unit__product_0 == product_0 && unit__product_1 == product_1);
      assert (unit__product_2 == product_2);
    end
    if (sound[2]) assert (psums_o == sum);
    cover (sound[2] && sum == 9'd60 && index && upper < 0);
  end
endmodule
