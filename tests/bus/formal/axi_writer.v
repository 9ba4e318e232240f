// AxiWriter: bursts that AXI allows, one after the other, for just the beats of the job; as many
// beats as announced, as they came, the last one marked; idle when all is answered; after stop the
// burst on its way is ended, and no beat stays for the next job; it waits for nothing but the memory
// and the core.

module harness #(
    parameter DATA = 8, ADDRESS = 13, BURST = 2, COUNT = 3
) (
    input clk, input rst, input start, input stop, input bursts_ready, input o_ready,
    input answer, input [DATA+DATA/8:0] i_payload, input i_valid, input pick
);
  localparam BYTES = DATA / 8, SIZE = $clog2(BYTES), INDEX = ADDRESS - SIZE, PAGE = 4096 / BYTES;
  localparam DEPTH = 8, WIDTH = DATA + BYTES;
  // Cycles that the writer may take before it offers or drops something, or is idle.
  localparam WAIT = 6;
  (* anyconst *) reg [ADDRESS-1:0] address;
  (* anyconst *) reg [COUNT-1:0] count;
  wire none, aligned, fits, idle, empty, bursts_valid, o_valid, i_ready;
  wire [INDEX+7:0] bursts_payload;
  wire [WIDTH:0] o_payload;
  wire [INDEX-1:0] index = bursts_payload[INDEX-1:0];
  wire [7:0] length = bursts_payload[INDEX+7:INDEX];
  wire last = o_payload[WIDTH];
  axi_writer unit (
      .clk(clk), .rst(rst), .address(address), .count({{32 - COUNT{1'b0}}, count}), .none(none),
      .aligned(aligned), .fits(fits), .start(start), .stop(stop), .idle(idle), .empty(empty),
      .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .bursts_payload(bursts_payload), .bursts_valid(bursts_valid), .bursts_ready(bursts_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready), .answer(answer)
  );
  stream_assumed #(WIDTH + 1) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(INDEX + 8) bursts (clk, rst, bursts_valid, bursts_ready, bursts_payload);
  stream_asserted #(WIDTH + 1) o (clk, rst, o_valid, o_ready, o_payload);

  reg [1:0] settled = 0;
  reg stopping = 0;
  always @(posedge clk) begin
    settled <= rst ? 0 : {settled, 1'b1};
    stopping <= stop && !idle && !rst;
  end
  always @* begin
    assume (count != 0 && address % BYTES == 0 && (address >> SIZE) + count <= 1 << INDEX);
    if (start) assume (idle && !stop && settled == 3);
    if (stopping) assume (stop);
    if (settled == 3) assert (!none && aligned && fits);
  end

  // Inside the unit.
  (* keep *) wire [INDEX:0] unit__left, unit__extent_beats;
  (* keep *) wire [INDEX-1:0] unit__index;
  (* keep *) wire [3:0] unit__stored, unit__unanswered;
  (* keep *) wire [$clog2(BURST+1)-1:0] unit__remaining, unit__chosen;
  (* keep *) wire [1:0] unit__settled;
  (* keep *) wire unit__enough, unit__drops, unit__queue__queue__r_rdy;
  (* keep *) wire [2:0] unit__queue__queue__consume, unit__queue__queue__produce,
      unit__queue__queue__inner_level;
  (* keep *) wire [WIDTH-1:0] unit__queue_o_payload,
      unit__queue__queue__storage__0, unit__queue__queue__storage__1,
      unit__queue__queue__storage__2, unit__queue__queue__storage__3,
      unit__queue__queue__storage__4, unit__queue__queue__storage__5,
      unit__queue__queue__storage__6;

  // Beats in the queue, dropped after stop; beats of the job in bursts that were announced before
  // this cycle, and with the one that is; beats that the burst has yet to bring; bursts that wait
  // for their answers.
  reg [3:0] inside = 0, closed = 0;
  reg [INDEX:0] told = 0;
  reg [8:0] open = 0;
  reg job = 0, stopped = 0, offered = 0;
  wire announced = bursts_valid && !offered;
  wire [8:0] rest = announced ? length + 1 : open;
  wire [INDEX:0] telling = told + (announced ? length + 1 : 0);
  wire takes = i_valid && i_ready, gives = o_valid && o_ready, asks = bursts_valid && bursts_ready;
  wire under_way = bursts_valid || rest != 0;
  wire closes = under_way && (!bursts_valid || bursts_ready) && rest == gives;
  // An answer follows its burst's last beat, and its address.
  always @* if (answer) assume (closed != 0);
  always @(posedge clk)
    if (rst) {inside, closed, told, open, job, stopped, offered} <= 0;
    else begin
      inside <= inside + takes - gives - unit__drops;
      closed <= closed + closes - answer;
      told <= start ? 0 : telling;
      open <= rest - gives;
      offered <= bursts_valid && !bursts_ready;
      job <= job || start;
      stopped <= !start && (stopped || stop);
    end

  // A beat that is picked when it comes, and those before it.
  reg picked = 0;
  reg [3:0] before = 0;
  reg [WIDTH-1:0] beat;
  wire moves = gives || unit__drops;
  always @(posedge clk)
    if (rst) picked <= 0;
    else if (picked) begin
      before <= before - moves;
      if (moves && before == 0) picked <= 0;
    end else if (takes && pick) begin
      {picked, before} <= {1'b1, inside - moves};
      beat <= i_payload[WIDTH-1:0];
    end

  reg was_stopped = 0;
  reg [2:0] still = 0;
  wire [INDEX:0] edge_left = BURST - unit__index % BURST;
  wire [INDEX:0] next = unit__left < edge_left ? unit__left : edge_left;
  always @(posedge clk) begin
    was_stopped <= stop && !rst;
    still <= !rst && !idle && !bursts_valid && !o_valid && closed == 0 && !takes && !unit__drops
        && (stop || rest != 0 || inside >= next) ? still + 1 : 0;
  end
  always @* if (!rst) begin
    if (bursts_valid) assert (job && length < BURST && index % PAGE + length < PAGE);
    if (announced) begin
      assert (telling <= count && index == (address >> SIZE) + told);
      assert (open == 0 && !was_stopped);
    end
    if (o_valid) begin
      assert (rest != 0 && inside != 0 && last == (rest == 1));
      if (picked && before == 0) assert (o_payload[WIDTH-1:0] == beat);
    end
    if (unit__drops) assert (stop && rest == 0 && inside != 0);
    assert (inside <= DEPTH && rest <= inside && empty == (rest == inside));
    if (idle) begin
      assert (!under_way && closed == 0);
      if (stop) assert (inside == 0);
      if (job && !stopped) assert (told == count);
    end
    assert (still < WAIT);
  end

  // The same inside the unit, from which the above follows.
  wire [7*WIDTH-1:0] memory = {
      unit__queue__queue__storage__6, unit__queue__queue__storage__5,
      unit__queue__queue__storage__4, unit__queue__queue__storage__3,
      unit__queue__queue__storage__2, unit__queue__queue__storage__1,
      unit__queue__queue__storage__0
  };
  wire [3:0] sum = unit__queue__queue__consume + before - unit__queue__queue__r_rdy;
  wire [3:0] place = sum >= 7 ? sum - 7 : sum;
  wire [3:0] end_sum = unit__queue__queue__consume + unit__queue__queue__inner_level;
  always @* if (!rst) begin
    if (settled == 3) assert (unit__extent_beats == count);
    if (job) assert (settled == 3);
    else assert (unit__left == 0 && !under_way && closed == 0);
    assert (unit__remaining == rest && unit__stored + rest == inside);
    assert ({1'b0, unit__unanswered} == closed + under_way);
    if (job && !stopped) begin
      assert (telling <= count && unit__left == count - telling);
      if (unit__left != 0) assert (unit__index == (address >> SIZE) + telling);
    end
    if (stopped) assert (unit__left == 0 && !unit__enough);
    if (stopped && (under_way || closed != 0)) assert (stopping);
    if (unit__settled[0] && unit__left != 0) assert (unit__chosen == next);
    if (unit__enough) assert (unit__settled == 3 && unit__left != 0 && unit__stored >= next);
    if (offered) assert (bursts_valid);
    // The queue: a memory of 7 beats, and a register.
    assert (unit__queue__queue__consume < 7 && unit__queue__queue__inner_level <= 7);
    assert (unit__queue__queue__produce == (end_sum >= 7 ? end_sum - 7 : end_sum));
    assert (unit__queue__queue__inner_level + unit__queue__queue__r_rdy == inside);
    if (picked) begin
      assert (before < inside);
      if (before < unit__queue__queue__r_rdy) assert (unit__queue_o_payload == beat);
      else assert (memory[place*WIDTH +: WIDTH] == beat);
    end
  end
  always @(posedge clk) if (!rst) begin
    cover (job && !stopped && idle && count > BURST);
    cover (asks && index % PAGE == 0 && told == 1);
    cover (closed == 2);
    cover (stopped && gives && !last);
    cover (stopped && asks);
    cover (start && stopped && inside == 0);
    cover (unit__drops && inside == 3);
  end
endmodule
