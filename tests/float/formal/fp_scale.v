// FpScale: the product of all pairs of a code and a shorter one as an exact integer, in units of
// the last bits of the smallest normal numbers, rounded once to the nearest number of all
// significand bits, ties to even; subnormal operands, and results below the smallest normal number,
// are zeros of their sign, overflow gives an infinity, NaNs are the canonical one; a result a
// cycle, after the latency.

module harness #(
    parameter EXPONENT = 3, MANTISSA = 3, SCALE = 2, LATENCY = 2
) (
    input clk, input [EXPONENT+MANTISSA:0] a,
    input [EXPONENT+(SCALE == 0 ? 1 : SCALE):0] scale
);
  localparam STORED = SCALE == 0 ? 1 : SCALE;
  localparam TOP = (1 << EXPONENT) - 1, BIAS = TOP >> 1, BITS = 1 + EXPONENT + MANTISSA;
  localparam WIDE = 2 * TOP + MANTISSA + SCALE;
  // The smallest normal number, counted in products of the last bits of the smallest ones.
  localparam LEAST = BIAS - 1 + MANTISSA + SCALE;
  wire [BITS-1:0] o;
  fp_scale unit (.clk(clk), .a(a), .scale(scale), .o(o));

  wire [EXPONENT-1:0] a_field = a[MANTISSA +: EXPONENT], s_field = scale[STORED +: EXPONENT];
  wire [MANTISSA-1:0] a_fraction = a[MANTISSA-1:0];
  wire [STORED-1:0] s_fraction = scale[STORED-1:0];
  wire sign = a[BITS-1] ^ scale[EXPONENT+STORED];
  wire a_zero = a_field == 0, s_zero = s_field == 0;
  wire a_special = a_field == TOP, s_special = s_field == TOP;
  // Without fraction bits of the scale only a NaN has the lowest bit set.
  always @* if (SCALE == 0) assume (s_special || s_fraction == 0);

  wire [WIDE-1:0] a_integer = {1'b1, a_fraction} << (a_field - 1);
  wire [WIDE-1:0] s_significand = SCALE == 0 ? 1 : {1'b1, s_fraction};
  wire [WIDE-1:0] product = a_zero || s_zero ? 0 : a_integer * (s_significand << (s_field - 1));

  // The greatest code that is not above the product, the rest, and half of the step to the next
  // code. A number below the smallest normal one has a step that is half as large as there.
  reg [BITS-2:0] below;
  reg [WIDE-1:0] rest, half;
  integer e;
  always @* begin
    below = 0;
    rest = 0;
    half = 1;
    for (e = 1; e <= TOP; e = e + 1)
      if (product >> (LEAST + e - 1) != 0) begin
        below = (e << MANTISSA) + (product >> (LEAST + e - 1 - MANTISSA)) - (1 << MANTISSA);
        rest = product & ((1 << (LEAST + e - 1 - MANTISSA)) - 1);
        half = (1 << (LEAST + e - 1 - MANTISSA)) >> 1;
      end
  end
  wire tie = below != 0 && half != 0 && rest == half;
  wire up = below != 0 && half != 0 && (rest > half || (rest == half && below[0]));
  // A fourth of a step below the smallest normal number is half of one there.
  wire least = below == 0 && product >= (1 << LEAST) - ((1 << LEAST) >> (MANTISSA + 2));
  wire [BITS-2:0] nearest = least ? 1 << MANTISSA : below + up;
  wire overflow = nearest >= (TOP << MANTISSA) || product >> (LEAST + TOP - 1) != 0;

  localparam [BITS-2:0] INFINITY = TOP << MANTISSA;
  localparam [BITS-1:0] NAN = (TOP << MANTISSA) + (1 << (MANTISSA - 1));
  wire nan = (a_special && a_fraction != 0) || (s_special && s_fraction != 0)
      || (a_special && s_zero) || (s_special && a_zero);
  wire [BITS-1:0] result =
      nan ? NAN : {sign, a_special || s_special || overflow ? INFINITY : nearest};

  reg [BITS-1:0] late [1:LATENCY];
  reg [LATENCY:1] checked = 0, tied = 0, reached = 0;
  integer n;
  always @(posedge clk) begin
    late[1] <= result;
    checked <= {checked, 1'b1};
    tied <= {tied, tie};
    reached <= {reached, least && !nan && !a_special && !s_special};
    for (n = 2; n <= LATENCY; n = n + 1) late[n] <= late[n-1];
  end
  always @* if (checked[LATENCY]) assert (o == late[LATENCY]);

  always @(posedge clk) begin
    if (SCALE != 0) cover (checked[LATENCY] && tied[LATENCY] && o[0] == 0);
    if (SCALE != 0) cover (checked[LATENCY] && reached[LATENCY]);
    cover (checked[LATENCY] && o == NAN);
    cover (checked[LATENCY] && o[BITS-2:0] == INFINITY);
    cover (checked[LATENCY] && o == {1'b1, {BITS - 1{1'b0}}});
  end
endmodule
