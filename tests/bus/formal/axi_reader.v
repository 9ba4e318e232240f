// AxiReader: bursts that AXI allows, one after the other, for just the beats of the job, and never
// more than there is room for; the beats come out as they were read, the last one marked; after stop
// no burst begins, all that is on its way leaves, and the next job is whole; it waits for nothing
// but the memory and the core.

module harness #(
    parameter DATA = 8, ADDRESS = 13, WORDS = 1, BURST = 2, OUTSTANDING = 2, COUNT = 3
) (
    input clk, input rst, input start, input stop, input bursts_ready,
    input [DATA-1:0] data, input valid, input o_ready, input pick
);
  localparam BYTES = DATA / 8, SIZE = $clog2(BYTES), INDEX = ADDRESS - SIZE, PAGE = 4096 / BYTES;
  localparam DEPTH = BURST * OUTSTANDING, STRIDE = BYTES / WORDS;
  // Cycles that the reader may take before it asks for something, gives something, or is idle.
  localparam WAIT = 4;
  // A job from anywhere, that the DMA has checked; it may be started again.
  (* anyconst *) reg [ADDRESS-1:0] address;
  (* anyconst *) reg [COUNT-1:0] count;
  wire [INDEX+COUNT:0] beats = (count + WORDS - 1) / WORDS;
  wire none, aligned, fits, idle, bursts_valid, o_valid;
  wire [INDEX+7:0] bursts_payload;
  wire [DATA+DATA/8:0] o_payload;
  wire [INDEX-1:0] index = bursts_payload[INDEX-1:0];
  wire [7:0] length = bursts_payload[INDEX+7:INDEX];
  wire last = o_payload[DATA+DATA/8];
  wire [BYTES-1:0] keep = o_payload[DATA +: BYTES];
  axi_reader unit (
      .clk(clk), .rst(rst), .address(address), .count({{32 - COUNT{1'b0}}, count}), .none(none),
      .aligned(aligned), .fits(fits), .start(start), .stop(stop), .idle(idle),
      .bursts_payload(bursts_payload), .bursts_valid(bursts_valid), .bursts_ready(bursts_ready),
      .data(data), .valid(valid), .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_asserted #(INDEX + 8) bursts (clk, rst, bursts_valid, bursts_ready, bursts_payload);

  reg [1:0] settled = 0;
  reg stopping = 0;
  always @(posedge clk) begin
    settled <= rst ? 0 : {settled, 1'b1};
    stopping <= stop && !idle && !rst;
  end
  always @* begin
    assume (count != 0 && address % BYTES == 0 && (address >> SIZE) + beats <= 1 << INDEX);
    if (start) assume (idle && !stop && settled == 3);
    if (stopping) assume (stop);
    if (settled == 3) assert (!none && aligned && fits);
  end

  // Beats that were asked for and have left, of the job; those on their way and in the queue.
  reg [INDEX:0] asked = 0, left = 0;
  reg [$clog2(DEPTH+1)-1:0] coming = 0, inside = 0;
  reg job = 0, stopped = 0;
  wire asks = bursts_valid && bursts_ready, gives = o_valid && o_ready;
  always @* if (valid) assume (coming != 0);  // what is read was asked for
  always @(posedge clk)
    if (rst) {asked, left, coming, inside, job, stopped} <= 0;
    else begin
      asked <= start ? 0 : asked + (asks ? length + 1 : 0);
      left <= start ? 0 : left + gives;
      coming <= coming + (asks ? length + 1 : 0) - valid;
      inside <= inside + valid - gives;
      job <= job || start;
      stopped <= !start && (stopped || stop);
    end

  // A beat that is picked when it comes, and those before it.
  reg picked = 0;
  reg [$clog2(DEPTH+1)-1:0] before = 0;
  reg [DATA-1:0] beat;
  always @(posedge clk)
    if (rst) picked <= 0;
    else if (picked) begin
      before <= before - gives;
      if (gives && before == 0) picked <= 0;
    end else if (valid && pick) {picked, before, beat} <= {1'b1, inside - gives, data};

  reg was_offered = 0, was_stopped = 0;
  reg [2:0] still = 0;
  always @(posedge clk) begin
    was_offered <= bursts_valid && !rst;
    was_stopped <= stop && !rst;
    still <= !rst && !idle && !bursts_valid && coming == 0 && !o_valid ? still + 1 : 0;
  end
  integer slot;
  always @* if (!rst) begin
    if (bursts_valid) begin
      assert (job && length < BURST);
      assert (asked + length + 1 <= beats);
      assert (index == (address >> SIZE) + asked);
      assert (index % PAGE + length < PAGE);
      assert (coming + inside + length + 1 <= DEPTH);
      if (was_stopped) assert (was_offered);
    end
    if (o_valid) begin
      assert (inside != 0);
      if (!stopped) begin
        assert (last == (left + 1 == beats));
        for (slot = 0; slot < WORDS; slot = slot + 1)
          assert (keep[slot*STRIDE +: STRIDE]
              == {STRIDE{!last || count % WORDS == 0 || slot < count % WORDS}});
      end
      if (picked && before == 0) assert (o_payload[DATA-1:0] == beat);
    end
    if (idle) begin
      assert (coming == 0 && inside == 0 && !bursts_valid);
      if (job && !stopped) assert (left == beats);
    end
    assert (still < WAIT);
  end

  // The same inside the unit, from which the above follows.
  (* keep *) wire [INDEX:0] unit__left, unit__give, unit__extent_beats;
  (* keep *) wire [INDEX-1:0] unit__index;
  (* keep *) wire [$clog2(DEPTH+1)-1:0] unit__free, unit__queue__queue__level;
  localparam SLOTS = WORDS > 1 ? $clog2(WORDS) : 1;
  (* keep *) wire [SLOTS-1:0] unit__slots, unit__extent_slots;
  (* keep *) wire [1:0] unit__queue__queue__consume, unit__queue__queue__produce;
  (* keep *) wire [DATA-1:0] unit__queue__queue__storage__0, unit__queue__queue__storage__1,
      unit__queue__queue__storage__2, unit__queue__queue__storage__3;
  wire [4*DATA-1:0] stored = {
      unit__queue__queue__storage__3, unit__queue__queue__storage__2,
      unit__queue__queue__storage__1, unit__queue__queue__storage__0
  };
  wire [1:0] place = unit__queue__queue__consume + before;
  always @* if (!rst) begin
    if (settled == 3) assert (unit__extent_beats == beats);
    assert (unit__free + coming + inside == DEPTH);
    if (WORDS > 1 && settled == 3) assert (unit__extent_slots == count % WORDS);
    if (WORDS > 1 && job && !stopped) assert (unit__slots == count % WORDS);
    assert (unit__queue__queue__level == inside);
    assert (((unit__queue__queue__produce - unit__queue__queue__consume) & 3) == (inside & 3));
    if (picked) assert (before < inside && stored[place*DATA +: DATA] == beat);
    if (!job) assert (unit__left == 0 && unit__free == DEPTH);
    if (job) assert (settled == 3);
    if (!stopped) assert (asked == left + coming + inside);
    if (job && (!stopped || bursts_valid)) begin
      assert (asked + unit__left == beats);
      if (unit__left != 0) assert (unit__index == (address >> SIZE) + asked);
    end
    if (job && !stopped) assert (unit__give + left == beats);
    if (stopped && !bursts_valid) assert (unit__left == 0);
    if (stopped && !idle) assert (stopping);
    if (bursts_valid) begin
      assert (unit__left != 0 && index % BURST + length < BURST);
      assert (length + 1 == unit__left || index % BURST + length + 1 == BURST);
    end
  end
  always @(posedge clk) if (!rst) begin
    cover (job && !stopped && idle && beats > BURST);
    cover (asks && index % PAGE == 0 && asked == 1);
    cover (stopped && asks && coming != 0);
    cover (start && stopped);
  end
endmodule
