// ScaleProduct: for all codes the exact product of the two scales, a significand times a power of
// two, as a binary32 code cut behind the last bit; e8m0 is a power of two from 2^-127 on, e4m3 and
// fp16 have subnormal numbers, those of bf16 are zeros; products below the smallest normal number
// are zeros of their sign, those beyond the largest infinite; NaN has the top bit of the fraction.

module harness #(
    // Bits of exponent and fraction of each scale; without exponent bits there is none.
    parameter W_EXPONENT = 4, W_FRACTION = 3, A_EXPONENT = 4, A_FRACTION = 3, FRACTION = 7
) (
    input clk, input [W_BITS-1:0] w, input [A_BITS-1:0] a
);
  localparam W_BITS = W_EXPONENT + W_FRACTION + (W_FRACTION != 0);
  localparam A_BITS = A_EXPONENT == 0 ? 1 : A_EXPONENT + A_FRACTION + (A_FRACTION != 0);
  localparam SIGNIFICAND = W_FRACTION + A_FRACTION + 2;
  wire [8+FRACTION:0] o;
  generate
    if (A_EXPONENT == 0) scale_product unit (.w(w), .o(o));
    else scale_product unit (.w(w), .a(a), .o(o));
  endgenerate

  // Sign, and whether a code is NaN or infinite; E4M3 has one NaN of each sign, no infinity.
  function is_nan(input [15:0] code, input integer exponent, input integer fraction);
    begin
      is_nan = 0;
      if (exponent != 0) begin
        if (fraction == 0) is_nan = code[7:0] == 255;
        else if (exponent == 4) is_nan = code[6:0] == 127;
        else is_nan = (code & ((1 << exponent + fraction) - 1)) > ((1 << exponent) - 1) << fraction;
      end
    end
  endfunction
  function is_infinite(input [15:0] code, input integer exponent, input integer fraction);
    is_infinite = exponent > 4 && fraction != 0
        && (code & ((1 << exponent + fraction) - 1)) == ((1 << exponent) - 1) << fraction;
  endfunction
  function is_negative(input [15:0] code, input integer exponent, input integer fraction);
    is_negative = exponent != 0 && fraction != 0 && code[exponent + fraction];
  endfunction
  function [10:0] significand(input [15:0] code, input integer exponent, input integer fraction);
    reg [7:0] field;
    begin
      field = (code >> fraction) & ((1 << exponent) - 1);
      if (fraction == 0) significand = 1;
      else if (field != 0) significand = (1 << fraction) | (code & ((1 << fraction) - 1));
      else significand = exponent == 8 ? 0 : code & ((1 << fraction) - 1);
    end
  endfunction
  // The power of two of the last bit.
  function signed [15:0] power(input [15:0] code, input integer exponent, input integer fraction);
    reg [7:0] field;
    begin
      field = (code >> fraction) & ((1 << exponent) - 1);
      if (exponent == 0) power = 0;
      else if (fraction == 0) power = $signed({8'b0, field}) - 127;
      else power = $signed({8'b0, field == 0 ? 8'd1 : field}) - ((1 << exponent - 1) - 1) - fraction;
    end
  endfunction

  wire [15:0] a_code = a, w_code = w;
  wire [SIGNIFICAND-1:0] product = significand(w_code, W_EXPONENT, W_FRACTION)
      * significand(a_code, A_EXPONENT, A_FRACTION);
  wire signed [15:0] last = power(w_code, W_EXPONENT, W_FRACTION)
      + power(a_code, A_EXPONENT, A_FRACTION);
  // The place of the highest one.
  reg [4:0] top;
  integer n;
  always @* begin
    top = 0;
    for (n = 0; n < SIGNIFICAND; n = n + 1) if (product[n]) top = n;
  end
  wire signed [15:0] field = last + $signed({11'b0, top}) + 127;
  wire [SIGNIFICAND+31:0] aligned = {product, 32'b0} >> top;
  wire [FRACTION-1:0] fraction = aligned[31 -: FRACTION];

  wire w_nan = is_nan(w_code, W_EXPONENT, W_FRACTION);
  wire a_nan = is_nan(a_code, A_EXPONENT, A_FRACTION);
  wire w_infinite = is_infinite(w_code, W_EXPONENT, W_FRACTION);
  wire a_infinite = is_infinite(a_code, A_EXPONENT, A_FRACTION);
  wire nan = w_nan || a_nan || (w_infinite && significand(a_code, A_EXPONENT, A_FRACTION) == 0)
      || (a_infinite && significand(w_code, W_EXPONENT, W_FRACTION) == 0);
  wire sign = is_negative(w_code, W_EXPONENT, W_FRACTION)
      ^ is_negative(a_code, A_EXPONENT, A_FRACTION);
  reg [8+FRACTION:0] result;
  always @*
    if (nan) result = {10'b0111111111, {FRACTION - 1{1'b0}}};
    else if (w_infinite || a_infinite) result = {sign, 8'hFF, {FRACTION{1'b0}}};
    else if (product == 0 || field < 1) result = {sign, {8 + FRACTION{1'b0}}};
    else if (field > 254) result = {sign, 8'hFF, {FRACTION{1'b0}}};
    else result = {sign, field[7:0], fraction};

  // A cycle later, as searches are about runs.
  reg checked = 0;
  reg [8+FRACTION:0] o_q, result_q;
  always @(posedge clk) {checked, o_q, result_q} <= {1'b1, o, result};
  always @* if (checked) assert (o_q == result_q);
  always @(posedge clk) begin
    cover (nan);
    cover (o[8+FRACTION-1:0] == 0);
    cover (!nan && field == 127 && product != 0);
  end
endmodule
