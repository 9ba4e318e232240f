// ToFloat: all integers, times a power of two, as the nearest code, of two the even one; fp16 with
// subnormal numbers, bf16 with zeros of the sign for what is rounded to less than the smallest
// normal number; overflow gives an infinity; a number a cycle, after the latency.

module harness #(
    // LOWEST: the place of the smallest subnormal number above the integers' last bit, plus 512.
    parameter WIDTH = 8, LOWEST = 512, EXPONENT = 5, MANTISSA = 10, GRADUAL = 1, LATENCY = 3
) (
    input clk, input [WIDTH-1:0] i
);
  localparam BITS = 1 + EXPONENT + MANTISSA, PLACE = LOWEST - 512;
  wire [BITS-1:0] o;
  to_float unit (.clk(clk), .i(i), .o(o));

  localparam [BITS-2:0] INFINITY = ((1 << EXPONENT) - 1) << MANTISSA;
  wire [WIDTH-1:0] magnitude = i[WIDTH-1] ? -i : i;
  reg [WIDTH+MANTISSA:0] kept, rest, half;
  reg signed [31:0] code;
  reg up;
  reg signed [31:0] last;
  integer top;
  always @* begin
    kept = 0;
    rest = 0;
    half = 0;
    up = 0;
    code = 0;
    last = 0;
    for (top = 0; top < WIDTH; top = top + 1)
      if (magnitude[top] && (magnitude >> top) == 1) begin
        // The place of the last bit of the code.
        last = top - MANTISSA;
        if (GRADUAL && last < PLACE) last = PLACE;
        if (last <= 0) kept = magnitude << -last;
        else begin
          kept = magnitude >> last;
          rest = magnitude - (kept << last);
          half = 1 << (last - 1);
        end
        up = last > 0 && (rest > half || (rest == half && kept[0]));
        // The hidden bit adds 1 to the exponent field.
        code = kept + up + ((last - PLACE) * (1 << MANTISSA));
        if (!GRADUAL && code < (1 << MANTISSA)) code = 0;
        if (code > INFINITY) code = INFINITY;
      end
  end

  reg [BITS-1:0] late [1:LATENCY];
  reg [LATENCY:1] checked = 0, rounded = 0;
  integer n;
  always @(posedge clk) begin
    late[1] <= {i[WIDTH-1], code[BITS-2:0]};
    checked <= {checked, 1'b1};
    rounded <= {rounded, last > 0 && rest == half && kept[0]};
    for (n = 2; n <= LATENCY; n = n + 1) late[n] <= late[n-1];
  end
  always @* if (checked[LATENCY]) assert (o == late[LATENCY]);

  always @(posedge clk) begin
    cover (checked[LATENCY] && rounded[LATENCY]);
    cover (checked[LATENCY] && o[BITS-1]);
    cover (checked[LATENCY] && o == 0);
  end
endmodule
