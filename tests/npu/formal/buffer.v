// Buffer: each request is answered once, in order, with what its port's writes left in the word, once
// they are reported, whatever other ports do; each write is performed and reported once, in order; an
// answer that is taken at once comes within 11 cycles, a report within 7.

module harness #(parameter A = 2, W = 1, ROOM = 2) (
    input clk, input rst, input [A-1:0] read_0, read_1, write_0, write_1, input [W-1:0] data_0, data_1,
    input mask_0, mask_1, last_0, last_1, input [1:0] asks, takes, writes, input pick
);
  // Cycles until a request that the harness follows is answered, and a write reported.
  localparam READ = 11, WRITE = 7;
  wire [1:0] asked, offered, accepted, written, read_waits, write_waits;
  wire [W-1:0] word_0, word_1;
  buffer unit (
      .clk(clk), .rst(rst),
      .read_0_payload(read_0), .read_0_valid(asks[0]), .read_0_ready(asked[0]),
      .read_1_payload(read_1), .read_1_valid(asks[1]), .read_1_ready(asked[1]),
      .data_0_payload(word_0), .data_0_valid(offered[0]), .data_0_ready(takes[0]),
      .data_1_payload(word_1), .data_1_valid(offered[1]), .data_1_ready(takes[1]),
      .write_0_payload({last_0, mask_0, data_0, write_0}), .write_0_valid(writes[0]),
      .write_0_ready(accepted[0]), .written_0(written[0]),
      .write_1_payload({last_1, mask_1, data_1, write_1}), .write_1_valid(writes[1]),
      .write_1_ready(accepted[1]), .written_1(written[1]),
      .read_waits(read_waits), .write_waits(write_waits)
  );
  stream_assumed #(A) r0 (clk, rst, asks[0], asked[0], read_0);
  stream_assumed #(A) r1 (clk, rst, asks[1], asked[1], read_1);
  stream_assumed #(W + A + 2) w0 (
      clk, rst, writes[0], accepted[0], {last_0, mask_0, data_0, write_0});
  stream_assumed #(W + A + 2) w1 (
      clk, rst, writes[1], accepted[1], {last_1, mask_1, data_1, write_1});
  stream_asserted #(W) d0 (clk, rst, offered[0], takes[0], word_0);
  stream_asserted #(W) d1 (clk, rst, offered[1], takes[1], word_1);

  // A word that only port 0 writes, and what it wrote last; whether that was reported: after so many
  // reports, once a write with last has come.
  reg [A-1:0] address;
  reg [W-1:0] word;
  reg known = 0, open = 0;
  reg [1:0] due = 0, left = 0;
  wire other = writes[1] && mask_1 && write_1 == address;
  wire own = writes[0] && mask_0 && write_0 == address;
  wire puts = writes[0] && accepted[0];
  wire settled = known && !open && left == 0;
  // A request of port 0 that is picked, and the requests before it.
  reg watched = 0, exact = 0;
  reg [2:0] owed = 0, before = 0;
  reg [3:0] waited = 0, late = 0;
  wire enters = asks[0] && asked[0], leaves = offered[0] && takes[0];
  wire [1:0] due_next = due - written[0] + (puts && last_0);
  always @(posedge clk) begin
    address <= address;
    if (rst) {known, open, due, left, watched, exact, owed, before, waited, late} <= 0;
    else begin
      due <= due_next;
      late <= due == 0 || written[0] ? 0 : late + 1;
      if (puts && own) {word, known} <= {data_0, 1'b1};
      if (puts && (own || open)) begin
        open <= !last_0;
        left <= last_0 ? due_next : 0;
      end else if (written[0] && left != 0) left <= left - 1;
      owed <= owed + enters - leaves;
      waited <= watched && !(offered[0] && !takes[0]) ? waited + 1 : 0;
      if (watched) begin
        before <= before - leaves;
        if (leaves && before == 0) watched <= 0;
      end else if (enters && pick) begin
        watched <= 1;
        before <= owed - leaves;
        // A report of this cycle counts.
        exact <= read_0 == address && !own && known && !open && left == written[0];
      end
    end
  end
  always @* begin
    assume (!other);
    if (watched && exact) assume (!own);
  end
  always @* if (!rst) begin
    assert (owed <= ROOM);
    if (owed == 0) assert (!offered[0]);
    if (due == 0) assert (!written[0]);
    if (watched && before == 0 && offered[0] && exact) assert (word_0 == word);
    assert (late < WRITE);
    assert (waited < READ);
  end
  always @(posedge clk) if (!rst) begin
    cover (watched && exact && leaves && before == ROOM - 1);
    cover (owed == ROOM);
    cover (read_waits == 2);
    cover (write_waits == 2 && due == 2);
  end
endmodule
