// FpAdd: the sum of all pairs of codes as an exact integer, in units of the last bit of the
// smallest normal number, rounded once to the nearest number, ties to even; subnormal operands and
// results are zeros of their sign, overflow gives an infinity, NaNs are the canonical one; a result
// a cycle, after the latency.

module harness #(
    parameter EXPONENT = 3, MANTISSA = 3, LATENCY = 3
) (
    input clk, input [EXPONENT+MANTISSA:0] a, input [EXPONENT+MANTISSA:0] b
);
  localparam TOP = (1 << EXPONENT) - 1, BITS = 1 + EXPONENT + MANTISSA;
  // Magnitudes of all finite numbers, and the sum of two with its sign.
  localparam WIDE = MANTISSA + TOP - 1, SUM = WIDE + 2;
  wire [BITS-1:0] o;
  fp_add unit (.clk(clk), .a(a), .b(b), .o(o));

  function signed [SUM-1:0] integer_of(input [BITS-1:0] code);
    reg [SUM-1:0] magnitude;
    begin
      magnitude = 0;
      if (code[MANTISSA +: EXPONENT] != 0)
        magnitude = {1'b1, code[MANTISSA-1:0]} << (code[MANTISSA +: EXPONENT] - 1);
      integer_of = code[BITS-1] ? -magnitude : magnitude;
    end
  endfunction
  function is_special(input [BITS-1:0] code);
    is_special = &code[MANTISSA +: EXPONENT];
  endfunction
  function is_nan(input [BITS-1:0] code);
    is_nan = is_special(code) && code[MANTISSA-1:0] != 0;
  endfunction
  function is_zero(input [BITS-1:0] code);
    is_zero = code[MANTISSA +: EXPONENT] == 0;
  endfunction

  wire signed [SUM-1:0] sum = integer_of(a) + integer_of(b);
  wire negative = sum[SUM-1];
  wire [SUM-1:0] magnitude = negative ? -sum : sum;

  // The greatest code that is not above the magnitude, the rest, and half of the step to the next
  // code. Magnitudes below the smallest normal number leave the code of zero.
  reg [BITS-2:0] below;
  reg [SUM-1:0] rest, half;
  integer e;
  always @* begin
    below = 0;
    rest = 0;
    half = 1;
    for (e = 1; e <= TOP; e = e + 1)
      if (magnitude >= (1 << (MANTISSA + e - 1))) begin
        below = (e << MANTISSA) + (magnitude >> (e - 1)) - (1 << MANTISSA);
        rest = magnitude - ((magnitude >> (e - 1)) << (e - 1));
        half = (1 << (e - 1)) >> 1;
      end
  end
  wire tie = half != 0 && rest == half && below != 0;
  wire up = half != 0 && below != 0 && (rest > half || (rest == half && below[0]));
  wire [BITS-2:0] nearest = below + up;
  wire overflow = nearest >= (TOP << MANTISSA);

  localparam [BITS-2:0] INFINITY = TOP << MANTISSA;
  localparam [BITS-1:0] NAN = (TOP << MANTISSA) + (1 << (MANTISSA - 1));
  reg [BITS-1:0] result;
  always @* begin
    if (is_nan(a) || is_nan(b)) result = NAN;
    else if (is_special(a) && is_special(b)) result = a == b ? a : NAN;
    else if (is_special(a)) result = a;
    else if (is_special(b)) result = b;
    else if (is_zero(a) && is_zero(b)) result = {a[BITS-1] & b[BITS-1], {BITS - 1{1'b0}}};
    else result = {negative, overflow ? INFINITY : nearest};
  end

  reg [BITS-1:0] late [1:LATENCY];
  reg [LATENCY:1] checked = 0, tied = 0;
  integer n;
  always @(posedge clk) begin
    late[1] <= result;
    checked <= {checked, 1'b1};
    tied <= {tied, tie};
    for (n = 2; n <= LATENCY; n = n + 1) late[n] <= late[n-1];
  end
  always @* if (checked[LATENCY]) assert (o == late[LATENCY]);

  always @(posedge clk) begin
    cover (checked[LATENCY] && tied[LATENCY] && o[0] == 0);
    cover (checked[LATENCY] && o == NAN);
    cover (checked[LATENCY] && o[BITS-2:0] == INFINITY);
    cover (checked[LATENCY] && o == {1'b1, {BITS - 1{1'b0}}});
  end
endmodule
