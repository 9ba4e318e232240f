// IntScale: the product of all pairs of an integer, times a power of two, and a short number as an
// exact integer, rounded once to the nearest number of all significand bits, ties to even;
// subnormal scales, and results below the smallest normal number, are zeros of their sign, overflow
// gives an infinity, NaNs are the canonical one; a result a cycle, after the latency, of a scale
// that comes a cycle behind the integer.

// The last bit of integers is 2^-BELOW.
module harness #(
    parameter EXPONENT = 3, MANTISSA = 3, WIDTH = 5, BELOW = 2, SCALE = 2
) (
    input clk, input signed [WIDTH-1:0] i, input [EXPONENT+(SCALE == 0 ? 1 : SCALE):0] scale
);
  localparam STORED = SCALE == 0 ? 1 : SCALE, LATENCY = SCALE == 0 ? 3 : 4;
  localparam TOP = (1 << EXPONENT) - 1, BITS = 1 + EXPONENT + MANTISSA;
  // Products have some zeros behind the last bit, so that all steps of codes are integers.
  localparam ZEROS = MANTISSA + 3, LEAST = SCALE + BELOW + ZEROS;
  localparam WIDE = WIDTH + SCALE + TOP + ZEROS + 1;
  wire [BITS-1:0] o;
  int_scale unit (.clk(clk), .i(i), .scale(scale), .o(o));

  reg signed [WIDTH-1:0] integer_q;
  always @(posedge clk) integer_q <= i;
  wire negative = integer_q < 0;
  wire [WIDE-1:0] magnitude = negative ? -$signed({integer_q[WIDTH-1], integer_q}) : integer_q;
  wire [EXPONENT-1:0] field = scale[STORED +: EXPONENT];
  wire [STORED-1:0] fraction = scale[STORED-1:0];
  wire sign = negative ^ scale[EXPONENT+STORED];
  wire special = field == TOP;
  // Without fraction bits of the scale only a NaN has the lowest bit set.
  always @* if (SCALE == 0) assume (special || fraction == 0);

  wire [WIDE-1:0] significand = SCALE == 0 ? 1 : {1'b1, fraction};
  wire [WIDE-1:0] product = field == 0 ? 0 : (magnitude * significand << (field - 1)) << ZEROS;

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
  wire tie = below != 0 && rest == half;
  wire up = below != 0 && (rest > half || (rest == half && below[0]));
  // A fourth of a step below the smallest normal number is half of one there.
  wire least = below == 0 && product >= (1 << LEAST) - ((1 << LEAST) >> (MANTISSA + 2));
  wire [BITS-2:0] nearest = least ? 1 << MANTISSA : below + up;
  wire overflow = nearest >= (TOP << MANTISSA) || product >> (LEAST + TOP - 1) != 0;

  localparam [BITS-2:0] INFINITY = TOP << MANTISSA;
  localparam [BITS-1:0] NAN = (TOP << MANTISSA) + (1 << (MANTISSA - 1));
  wire nan = special && (fraction != 0 || integer_q == 0);
  wire [BITS-1:0] result = nan ? NAN : {sign, special || overflow ? INFINITY : nearest};

  reg [BITS-1:0] late [1:LATENCY-1];
  reg [LATENCY:1] checked = 0;
  reg [LATENCY-1:1] tied = 0;
  integer n;
  always @(posedge clk) begin
    late[1] <= result;
    checked <= {checked, 1'b1};
    tied <= {tied, tie};
    for (n = 2; n < LATENCY; n = n + 1) late[n] <= late[n-1];
  end
  always @* if (checked[LATENCY]) assert (o == late[LATENCY-1]);

  always @(posedge clk) begin
    cover (checked[LATENCY] && tied[LATENCY-1] && o[0] == 0);
    cover (checked[LATENCY] && o == NAN);
    cover (checked[LATENCY] && o[BITS-2:0] == INFINITY);
    cover (checked[LATENCY] && o == {1'b1, {BITS - 1{1'b0}}});
  end
endmodule
