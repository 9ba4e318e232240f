// Fetch: the instructions of a program are offered in order, each once and as its beats came, with
// its index, up to the first HALT, error or stop; bursts are for just the beats of the program, in
// order, and never for more than there is room for; it is idle only when all of them have come.

module harness #(parameter PC = 2, ADDRESS = 12, BEATS = 2) (
    input clk, input rst, input start, input stop, input bursts_ready,
    input [31:0] data, input valid, input error, input o_ready, input pick
);
  // Bursts of up to 2 beats, of which 2 are on their way.
  localparam BURST = 2, DEPTH = 4, INDEX = ADDRESS - 2, COUNT = PC + $clog2(BEATS) + 1;
  // A program from anywhere, which may be started again.
  (* anyconst *) reg [ADDRESS-1:0] address;
  (* anyconst *) reg [PC-1:0] length;
  wire [COUNT-1:0] beats = BEATS * length;
  wire none, aligned, fits, idle, bursts_valid, o_valid, failed;
  wire [INDEX+7:0] bursts_payload;
  wire [INDEX-1:0] index = bursts_payload[INDEX-1:0];
  wire [7:0] burst = bursts_payload[INDEX+7:INDEX];
  wire [256+PC-1:0] o_payload;
  wire [PC-1:0] pc = o_payload[256 +: PC];
  wire [7:0] failed_kind;
  wire [PC-1:0] failed_pc;
  fetch unit (
      .clk(clk), .rst(rst), .address(address), .length(length), .none(none), .aligned(aligned),
      .fits(fits), .start(start), .stop(stop), .idle(idle), .bursts_payload(bursts_payload),
      .bursts_valid(bursts_valid), .bursts_ready(bursts_ready), .data(data), .valid(valid),
      .error(error), .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready),
      .failed(failed), .failed_kind(failed_kind), .failed_pc(failed_pc)
  );
  stream_asserted #(INDEX + 8) bursts (clk, rst, bursts_valid, bursts_ready, bursts_payload);
  stream_asserted #(256 + PC) o (clk, rst || stop, o_valid, o_ready, o_payload);

  reg [1:0] settled = 0;
  reg stopped = 0;  // and not idle yet
  always @(posedge clk) begin
    settled <= rst ? 0 : {settled, 1'b1};
    stopped <= stop && !idle && !rst;
  end
  always @* begin
    assume (length != 0 && address % 4 == 0 && (address >> 2) + beats <= 1 << INDEX);
    if (start) assume (idle && !stop && settled == 3);
    if (stopped) assume (stop);
    if (settled == 3) assert (!none && aligned && fits);
  end

  // Beats that were asked for, and have come, of the program; instructions that were taken.
  reg [COUNT-1:0] asked = 0, came = 0;
  reg [PC-1:0] taken = 0;
  reg running = 0, begun = 0, ended = 0;
  wire asks = bursts_valid && bursts_ready, takes = o_valid && o_ready;
  wire halts = o_payload[3:0] == 0, last = taken + 1 == length;
  wire [COUNT-1:0] coming = asked - came;
  (* keep *) wire [2:0] unit__reader__queue__queue__level;
  wire [2:0] level = unit__reader__queue__queue__level;  // those that wait
  always @* if (valid) assume (coming != 0);  // what comes was asked for
  always @(posedge clk)
    if (rst) {asked, came, taken, running, begun, ended} <= 0;
    else begin
      asked <= start ? 0 : asked + (asks ? burst + 1 : 0);
      came <= start ? 0 : came + valid;
      taken <= start ? 0 : taken + takes;
      begun <= begun || start;
      running <= start || (running && !stop && !(valid && error) && !(takes && (halts || last)));
      ended <= !start && (ended || (takes && (halts || last)));
    end

  // A bit, any of them, of a beat that is picked when it comes, by its number.
  (* anyconst *) reg [4:0] place;
  reg picked = 0;
  reg [COUNT-1:0] number;
  reg beat;
  always @(posedge clk)
    if (rst || start) picked <= 0;
    else if (valid && pick && !picked) {picked, number, beat} <= {1'b1, came, data[place]};

  reg was_running = 0, was_offered = 0, was_asking = 0, late = 0;
  reg bad = 0, fault = 0;  // a read error, an end without HALT
  always @(posedge clk) begin
    was_running <= running && !rst;
    was_offered <= o_valid && !o_ready && !stop && !rst;
    was_asking <= bursts_valid && !rst;
    late <= !rst && !running;
    if (rst || start) {bad, fault} <= 0;
    else if (running && !stop) begin
      bad <= valid && error && !(takes && (halts || last));
      fault <= takes && last && !halts;
    end
  end
  always @* if (!rst) begin
    if (o_valid) begin
      assert (pc == taken && taken < length && !ended);
      assert (running || was_offered);
      if (picked && number / BEATS == pc)
        assert (o_payload[32 * (number % BEATS) + place] == beat);
      assert (came >= BEATS * (pc + 1));
    end
    if (bursts_valid) begin
      assert (begun && burst < BURST && asked + burst + 1 <= beats);
      assert (index == (address >> 2) + asked);
      assert (coming + level + burst + 1 <= DEPTH);
      if (late) assert (was_asking);  // a burst that was on offer
    end
    if (idle) assert (coming == 0 && !o_valid && !bursts_valid && !running);
    if (bad) assert (failed && failed_kind == 4);
    if (fault) assert (failed && failed_kind == 12 && failed_pc == length);
    if (failed) assert (!running);
  end

  // The same inside the unit, from which the above follows.
  (* keep *) wire unit__active, unit__stopping, unit__waits, unit__words_o_valid,
      unit__words__last;
  (* keep *) wire [$clog2(BEATS)-1:0] unit__words__place;
  (* keep *) wire [INDEX:0] unit__reader__left, unit__reader__give, unit__reader__extent_beats;
  (* keep *) wire [INDEX-1:0] unit__reader__index;
  (* keep *) wire [2:0] unit__reader__free;
  (* keep *) wire [1:0] unit__reader__queue__queue__consume, unit__reader__queue__queue__produce;
  (* keep *) wire [31:0] unit__reader__queue__queue__storage__0,
      unit__reader__queue__queue__storage__1, unit__reader__queue__queue__storage__2,
      unit__reader__queue__queue__storage__3;
  wire [127:0] stored = {
      unit__reader__queue__queue__storage__3, unit__reader__queue__queue__storage__2,
      unit__reader__queue__queue__storage__1, unit__reader__queue__queue__storage__0
  };
  wire full = unit__words_o_valid;
  // Beats of instructions that were taken, and those that are in the instruction on offer.
  wire [COUNT-1:0] gone = BEATS * taken, inside = BEATS * full + unit__words__place;
  wire [1:0] slot = unit__reader__queue__queue__consume + (number - gone - inside);
  reg halted = 0;  // the reader was stopped
  always @(posedge clk) halted <= !rst && !start && (halted || stop || unit__stopping);
  always @* if (!rst) begin
    if (settled == 3) assert (unit__reader__extent_beats == beats);
    if (begun) assert (settled == 3);
    assert (running == unit__active && !(unit__active && unit__stopping));
    assert (unit__reader__free + coming + level == DEPTH && level <= DEPTH && coming <= DEPTH);
    assert (((unit__reader__queue__queue__produce - unit__reader__queue__queue__consume) & 3)
        == (level & 3));
    if (!begun) assert (!running && !unit__stopping && unit__reader__left == 0);
    if (begun) assert (asked <= beats && came <= asked);
    if (begun && (!halted || bursts_valid)) begin
      assert (asked + unit__reader__left == beats);
      if (unit__reader__left != 0) assert (unit__reader__index == (address >> 2) + asked);
    end
    if (bursts_valid) begin
      assert (unit__reader__left != 0 && index % BURST + burst < BURST);
      assert (burst + 1 == unit__reader__left || index % BURST + burst + 1 == BURST);
    end
    if (halted && !bursts_valid) assert (unit__reader__left == 0);
    if (running) begin
      assert (!halted && begun && !ended && taken < length);
      assert (came == gone + inside + level);
      assert (unit__reader__give + gone + inside == beats);
    end
    if (full) assert (unit__words__place == 0);
    assert (unit__waits == was_offered);
    if (was_offered) assert (full && !ended && taken < length && came >= gone + BEATS);
    if (full && (running || was_offered)) assert (unit__words__last == last);
    if (picked) begin
      assert (number < came);
      if (running && number >= gone + inside) assert (stored[32 * slot + place] == beat);
      if ((running || was_offered) && number >= gone && number - gone < inside
          && number - gone < BEATS)
        assert (o_payload[32 * (number - gone) + place] == beat);
    end
    assert (pc == taken || (!running && !was_offered));
    if (!running && !unit__stopping) begin
      assert (coming == 0 && level == 0 && !full && unit__words__place == 0 && !bursts_valid);
      assert (unit__reader__left == 0);
    end
    if (unit__stopping) assert (halted || late == 0 || was_running);
  end
  always @(posedge clk) if (!rst) begin
    cover (takes && pc == 1 && picked && number == BEATS + 1);
    cover (ended && idle && asked > BEATS && length > 2);
    cover (failed && failed_kind == 4 && was_offered);
    cover (start && unit__reader__queue__queue__consume != 0 && taken == 1);
  end
endmodule
