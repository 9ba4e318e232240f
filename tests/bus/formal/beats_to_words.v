// BeatsToWords: every word of the beats comes, in order, with the mark of its packet, in the cycle
// after its beat or the word before it.

module harness #(
    parameter WIDTH = 8, DATA = 32, SLOTS = 4, BEATS = 1, STRIDE = 1
) (
    input clk, input rst,
    input [DATA+DATA/8:0] i_payload, input i_valid, input o_ready,
    input pick, input [3:0] which
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

  // A word that is picked when it goes in, and those before it.
  reg picked = 0;
  reg [3:0] level = 0, before = 0;
  reg [WIDTH:0] word;
  reg [BEATS*DATA-1:0] beats;
  wire [BEATS*DATA-1:0] whole = {data, beats} >> DATA;
  wire [3:0] more = BEATS == 1 ? (takes ? words : 0) : full;
  always @(posedge clk)
    if (rst) {picked, level} <= 0;
    else begin
      if (takes && keep[0]) beats <= whole;
      level <= level + more - gives;
      if (picked) begin
        before <= before - gives;
        if (gives && before == 0) picked <= 0;
      end else if (pick && which < more) begin
        picked <= 1;
        before <= level + which - gives;
        word <= BEATS == 1
            ? {last && which + 1 == more, data[which*STRIDE*8 +: WIDTH]}
            : {last, whole[WIDTH-1:0]};
      end
    end
  always @* begin
    if (BEATS != 1) assert (broken == (takes && last && !full));
    if (!rst && o_valid) begin
      assert (level != 0);
      if (picked && before == 0) assert (o_payload == word);
    end
    // What is there is offered.
    if (!rst && level != 0) assert (o_valid);
  end
  always @(posedge clk) cover (gives && picked && before == 0 && o_payload[WIDTH]);
  always @(posedge clk) cover (broken);
endmodule
