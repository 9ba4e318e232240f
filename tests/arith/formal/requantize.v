// Requantize: each accumulator becomes (sum + bias) * multiplier / 2^shift as an exact fraction,
// rounded once to the nearest integer, ties to even, moved by the zero point, between the limits;
// after the latency, with the channel that began last; with rounding=float32 whatever is within
// half a spacing of floats from a tie is a tie.

module harness #(
    parameter WIDTH = 3, MULTIPLIER = 3, OUT = 8, SIGNED = 1, FLOAT = 0, LATENCY = 7
) (
    input clk, input [WIDTH-1:0] i, input start, input [WIDTH-1:0] bias,
    input [MULTIPLIER-1:0] multiplier, input [5:0] shift,
    input [OUT-1:0] zero_point, input [OUT-1:0] low, input [OUT-1:0] high
);
  // The fraction has as many bits behind the point as the shift may ask for.
  localparam FRACTION = 63, SUM = WIDTH + 1, TOP = SUM + MULTIPLIER, FULL = TOP + FRACTION;
  localparam MOVED = TOP + OUT + 2;
  wire [OUT-1:0] o;
  wire [WIDTH+MULTIPLIER+6+3*OUT-1:0] channel =
      {high, low, zero_point, shift, multiplier, bias};
  requantize unit (.clk(clk), .i(i), .start(start), .channel(channel), .o(o));

  // The channel of a run, and the one that the next run has from its first accumulator on.
  reg [WIDTH-1:0] bias_now;
  reg [MULTIPLIER-1:0] multiplier_now;
  reg [5:0] shift_now;
  reg [OUT-1:0] zero_now, low_now, high_now;
  reg begun = 0;
  reg [$bits(channel)-1:0] channel_last;
  reg [3:0] age = 0;
  always @(posedge clk) begin
    channel_last <= channel;
    age <= start ? 1 : age != 0 && age < LATENCY ? age + 1 : 0;
    if (start) begin
      begun <= 1;
      bias_now <= bias;
      multiplier_now <= multiplier;
      shift_now <= shift;
      zero_now <= zero_point;
      low_now <= low;
      high_now <= high;
    end
  end
  always @* if (age != 0) assume (channel == channel_last);

  function signed [MOVED-1:0] extended(input [OUT-1:0] value);
    extended = {{MOVED - OUT{SIGNED ? value[OUT-1] : 1'b0}}, value};
  endfunction
  wire signed [SUM-1:0] sum = $signed(i) + $signed(bias_now);
  wire signed [TOP-1:0] product = sum * $signed({1'b0, multiplier_now});
  wire signed [FULL-1:0] exact = $signed({product, {FRACTION{1'b0}}}) >>> shift_now;
  wire signed [TOP-1:0] below = exact[FULL-1:FRACTION];
  wire [FRACTION-1:0] rest = exact[FRACTION-1:0], half = {1'b1, {FRACTION - 1{1'b0}}};
  // Half a spacing of floats with as many significant bits as a multiplier.
  wire [FULL-1:0] magnitude = exact[FULL-1] ? -exact : exact;
  reg [FULL-1:0] leading;
  integer bit_n;
  always @* begin
    leading = 0;
    for (bit_n = 0; bit_n < FULL; bit_n = bit_n + 1) if (magnitude[bit_n]) leading = 1 << bit_n;
  end
  wire [FRACTION-1:0] distance = rest > half ? rest - half : half - rest;
  wire tie_now = rest == half || (FLOAT && {distance, {MULTIPLIER{1'b0}}} <= leading);
  wire up = tie_now ? below[0] : rest > half;
  wire signed [MOVED-1:0] moved = below + $signed({1'b0, up}) + extended(zero_now);
  wire signed [MOVED-1:0] least = extended(low_now), most = extended(high_now);
  wire signed [MOVED-1:0] result = moved < least ? least : moved > most ? most : moved;

  reg [OUT-1:0] late [1:LATENCY];
  reg [LATENCY:1] checked = 0;
  reg [LATENCY:1] tie = 0;
  integer n;
  always @(posedge clk) begin
    late[1] <= result[OUT-1:0];
    checked <= {checked, begun};
    tie <= {tie, begun && tie_now && (!FLOAT || rest != half) && below[0]};
    for (n = 2; n <= LATENCY; n = n + 1) late[n] <= late[n-1];
  end
  always @* if (checked[LATENCY]) assert (o == late[LATENCY]);

  // Invariants: each stage of the unit holds the channel that began as many cycles ago as the stage
  // has registers in front of it.
  wire [WIDTH-1:0] unit__bias_held;
  wire [MULTIPLIER-1:0] unit__multiplier_held;
  wire [5:0] unit__shift_held;
  wire [OUT-1:0] unit__zero_point_held, unit__low_held, unit__high_held;
  reg [6+3*OUT-1:0] held [1:LATENCY];
  reg [MULTIPLIER-1:0] multiplier_late;
  reg [LATENCY:1] begun_late = 0;
  always @(posedge clk) begin
    multiplier_late <= multiplier_now;
    held[1] <= {high_now, low_now, zero_now, shift_now};
    begun_late <= {begun_late, begun};
    for (n = 2; n <= LATENCY; n = n + 1) held[n] <= held[n-1];
  end
  always @* begin
    if (begun) assert (unit__bias_held == bias_now);
    if (begun_late[1]) assert (unit__multiplier_held == multiplier_late);
    if (begun_late[3]) assert (unit__shift_held == held[3][5:0]);
    if (begun_late[5]) assert (unit__zero_point_held == held[5][6 +: OUT]);
    if (begun_late[6])
      assert ({unit__high_held, unit__low_held} == held[6][6+OUT +: 2*OUT]);
  end
  always @(posedge clk) begin
    cover (tie[LATENCY] && o != 0);
    cover (checked[LATENCY] && start);
    cover (checked[LATENCY] && start && shift != shift_now);
  end
endmodule
