// AxiReader: bursts that AXI allows, one after the other, for just the beats of the job, and never
// more than there is room for; the beats come out as they were read, the last one marked.

module harness #(
    parameter DATA = 8, ADDRESS = 13, BURST = 2, OUTSTANDING = 2, TRACK = 1
) (
    input clk, input rst, input start, input stop, input bursts_ready,
    input [DATA-1:0] data, input valid, input o_ready
);
  localparam SIZE = $clog2(DATA / 8), INDEX = ADDRESS - SIZE, PAGE = 4096 / (DATA / 8);
  localparam DEPTH = BURST * OUTSTANDING;
  // A job from anywhere, that the DMA has checked; it may be started again.
  (* anyconst *) reg [ADDRESS-1:0] address;
  (* anyconst *) reg [2:0] count;
  wire none, aligned, fits, idle, bursts_valid, o_valid;
  wire [INDEX+7:0] bursts_payload;
  wire [DATA+DATA/8:0] o_payload;
  wire [INDEX-1:0] index = bursts_payload[INDEX-1:0];
  wire [7:0] length = bursts_payload[INDEX+7:INDEX];
  axi_reader unit (
      .clk(clk), .rst(rst), .address(address), .count({29'b0, count}), .none(none),
      .aligned(aligned), .fits(fits), .start(start), .stop(stop), .idle(idle),
      .bursts_payload(bursts_payload), .bursts_valid(bursts_valid), .bursts_ready(bursts_ready),
      .data(data), .valid(valid), .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_asserted #(INDEX + 8) bursts (clk, rst, bursts_valid, bursts_ready, bursts_payload);

  reg [1:0] settled = 0;
  always @(posedge clk) settled <= rst ? 0 : {settled, 1'b1};
  always @* begin
    assume (count != 0);
    assume ({1'b0, address >> SIZE} + count <= 1 << INDEX && address % (1 << SIZE) == 0);
    if (start) assume (idle && !stop && settled == 3);
    if (settled == 3) assert (!none && aligned && fits);
  end

  // Inside the unit; a burst that waits is one of those that are left.
  (* keep *) wire [INDEX:0] unit_left;
  always @* if (bursts_valid) assert (unit_left != 0);

  generate if (TRACK) begin : track
    stream_asserted #(DATA + DATA / 8 + 1) o (clk, rst, o_valid, o_ready, o_payload);
    reg [3:0] asked = 0, came = 0, left = 0;  // beats of the job
    reg running = 0;
    wire asks = bursts_valid && bursts_ready, gives = o_valid && o_ready;
    reg [DATA-1:0] beat;
    (* anyconst *) reg [3:0] chosen;
    always @* begin
      assume (!stop);
      if (valid) assume (came < asked);  // what is read was asked for
    end
    always @(posedge clk)
      if (rst || start) begin
        {asked, came, left} <= 0;
        running <= start && !rst;
      end else begin
        if (asks) asked <= asked + length + 1;
        came <= came + valid;
        left <= left + gives;
        if (valid && came == chosen) beat <= data;
      end
    always @* if (!rst) begin
      if (bursts_valid) begin
        assert (running && length < BURST);
        assert (asked + length + 1 <= count);
        assert (index == (address >> SIZE) + asked);
        assert (index % PAGE + length < PAGE);
        assert (asked + length + 1 - left <= DEPTH);
      end
      if (o_valid) begin
        assert (left < came);
        assert (o_payload[DATA+DATA/8] == (left + 1 == count));
        assert (&o_payload[DATA+DATA/8-1:DATA]);
        if (left == chosen) assert (o_payload[DATA-1:0] == beat);
      end
      if (running && idle) assert (left == count);
    end
    always @(posedge clk) begin
      cover (running && idle && count == 3);
      cover (asks && index % PAGE == 0 && asked == 1);
    end
  end endgenerate
endmodule
