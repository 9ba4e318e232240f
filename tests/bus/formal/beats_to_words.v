// BeatsToWords: every word of the beats comes, in order, with the mark of its packet.

module harness #(
    parameter WIDTH = 8, DATA = 32, SLOTS = 4, BEATS = 1, STRIDE = 1, TRACK = 1
) (
    input clk, input rst,
    input [DATA+DATA/8:0] i_payload, input i_valid, input o_ready
);
  wire i_ready, o_valid, broken;
  wire [WIDTH:0] o_payload;
  wire [DATA-1:0] data = i_payload[DATA-1:0];
  wire [DATA/8-1:0] keep = i_payload[DATA+DATA/8-1:DATA];
  wire last = i_payload[DATA+DATA/8];

  beats_to_words unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready), .broken(broken)
  );
  stream_assumed #(DATA + DATA / 8 + 1) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(WIDTH + 1) o (clk, rst, o_valid, o_ready, o_payload);

  // The words of a beat that count, and whether others follow.
  integer slot;
  reg [3:0] words;
  reg gap;
  always @* begin
    words = 0;
    gap = 0;
    for (slot = 0; slot < SLOTS; slot = slot + 1)
      if (keep[slot*STRIDE]) begin
        if (words == slot) words = words + 1;
        else gap = 1;
      end
  end
  reg [3:0] parts = 0;
  wire takes = i_valid && i_ready, gives = o_valid && o_ready;
  wire full = takes && keep[0] && parts == BEATS - 1;
  always @(posedge clk)
    if (rst) parts <= 0;
    else if (takes) parts <= full || last ? 0 : parts + keep[0];
  always @* if (BEATS == 1) assert (broken == (takes && (gap || (last && words == 0))));

  // A word that is chosen at the beginning: as it goes in it comes out.
  generate if (TRACK) begin : track
    (* anyconst *) reg [3:0] chosen;
    reg [3:0] came = 0, left = 0;
    reg [WIDTH:0] word;
    reg [BEATS*DATA-1:0] before;
    wire [BEATS*DATA-1:0] whole = {data, before} >> DATA;
    wire [3:0] more = BEATS == 1 ? (takes ? words : 0) : full;
    always @(posedge clk)
      if (rst) begin
        came <= 0;
        left <= 0;
      end else begin
        if (takes && keep[0]) before <= whole;
        came <= came + more;
        left <= left + gives;
        if (chosen >= came && chosen < came + more)
          word <= BEATS == 1
              ? {last && chosen + 1 == came + more, data[(chosen - came)*STRIDE*8 +: WIDTH]}
              : {last, whole[WIDTH-1:0]};
      end
    always @* begin
      if (BEATS != 1) assert (broken == (takes && last && !full));
      if (!rst && o_valid) begin
        assert (left != came);
        if (left == chosen) assert (o_payload == word);
      end
    end
    always @(posedge clk) cover (gives && left == chosen && chosen == 2 && o_payload[WIDTH]);
  end endgenerate
  always @(posedge clk) cover (broken);
endmodule
