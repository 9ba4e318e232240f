// WordsToBeats: every word comes in a beat, in order; a packet ends where it ended; a beat that is
// full, or its packet's last, is offered in the next cycle.

module harness #(
    parameter WIDTH = 8, DATA = 32, SLOTS = 4, BEATS = 1, STRIDE = 1
) (
    input clk, input rst, input [WIDTH:0] i_payload, input i_valid, input o_ready,
    input pick
);
  wire i_ready, o_valid;
  wire [DATA+DATA/8:0] o_payload;
  wire [DATA-1:0] data = o_payload[DATA-1:0];
  wire [DATA/8-1:0] keep = o_payload[DATA+DATA/8-1:DATA];
  wire last = o_payload[DATA+DATA/8];

  words_to_beats unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_assumed #(WIDTH + 1) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(DATA + DATA / 8 + 1) o (clk, rst, o_valid, o_ready, o_payload);

  integer slot;
  reg [3:0] words;
  always @* begin
    words = 0;
    for (slot = 0; slot < SLOTS; slot = slot + 1) words = words + keep[slot*STRIDE];
  end
  wire takes = i_valid && i_ready, gives = o_valid && o_ready;

  // A word that is picked when it goes in, and those before it that have not left whole.
  reg picked = 0;
  reg [3:0] level = 0, before = 0, part = 0;
  reg [WIDTH:0] word;
  wire [3:0] place = BEATS == 1 ? before : 0;
  wire [STRIDE*8-1:0] slot_data = data >> place*STRIDE*8;
  wire [BEATS*DATA-1:0] whole = word[WIDTH-1:0];
  wire ends = part == BEATS - 1;
  wire [3:0] gone = gives && ends ? words : 0;
  always @(posedge clk)
    if (rst) {picked, level, part} <= 0;
    else begin
      level <= level + takes - gone;
      if (gives) part <= ends ? 0 : part + 1;
      if (picked) begin
        before <= before - gone;
        if (before < gone) picked <= 0;
      end else if (takes && pick) {picked, before, word} <= {1'b1, level - gone, i_payload};
    end
  always @* if (!rst && o_valid) begin
    // Whole words, from the first slot on, fewer than there are slots at a packet's end only.
    for (slot = 0; slot < SLOTS; slot = slot + 1)
      assert (keep[slot*STRIDE +: STRIDE] == {STRIDE{slot < words}});
    assert (words != 0 && words <= level);
    assert (words == SLOTS || last);
    if (picked && before < words) begin
      if (BEATS == 1) begin
        assert (slot_data == word[WIDTH-1:0]);
        assert (word[WIDTH] == (last && place + 1 == words));
      end else begin
        assert (data == whole[part*DATA +: DATA]);
        assert (last == (word[WIDTH] && ends));
      end
    end
  end
  // A whole beat, or a packet's last, is offered in the next cycle.
  always @* if (!rst && (level >= SLOTS || (picked && word[WIDTH]))) assert (o_valid);
  always @(posedge clk) cover (gives && last && picked && before + 1 == words && part + 1 == BEATS);
endmodule
