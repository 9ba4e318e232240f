// AxiWriter: bursts that AXI allows, one after the other, for just the beats of the job; as many
// beats as announced, the last one marked; idle when all is answered.

module harness #(
    parameter DATA = 8, ADDRESS = 13, BURST = 2, TRACK = 1
) (
    input clk, input rst, input start, input stop, input bursts_ready, input o_ready,
    input answer, input [DATA+DATA/8:0] i_payload, input i_valid
);
  localparam SIZE = $clog2(DATA / 8), INDEX = ADDRESS - SIZE, PAGE = 4096 / (DATA / 8);
  (* anyconst *) reg [ADDRESS-1:0] address;
  (* anyconst *) reg [2:0] count;
  wire none, aligned, fits, idle, empty, bursts_valid, o_valid, i_ready;
  wire [INDEX+7:0] bursts_payload;
  wire [DATA+DATA/8:0] o_payload;
  wire [INDEX-1:0] index = bursts_payload[INDEX-1:0];
  wire [7:0] length = bursts_payload[INDEX+7:INDEX];
  wire last = o_payload[DATA+DATA/8];
  axi_writer unit (
      .clk(clk), .rst(rst), .address(address), .count({29'b0, count}), .none(none),
      .aligned(aligned), .fits(fits), .start(start), .stop(stop), .idle(idle), .empty(empty),
      .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .bursts_payload(bursts_payload), .bursts_valid(bursts_valid), .bursts_ready(bursts_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready), .answer(answer)
  );
  stream_assumed #(DATA + DATA / 8 + 1) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(INDEX + 8) bursts (clk, rst, bursts_valid, bursts_ready, bursts_payload);

  reg [1:0] settled = 0;
  always @(posedge clk) settled <= rst ? 0 : {settled, 1'b1};
  always @* begin
    assume (count != 0);
    assume ({1'b0, address >> SIZE} + count <= 1 << INDEX && address % (1 << SIZE) == 0);
    if (start) assume (idle && !stop && settled == 3);
    if (settled == 3) assert (!none && aligned && fits);
  end

  generate if (TRACK) begin : track
    stream_asserted #(DATA + DATA / 8 + 1) o (clk, rst, o_valid, o_ready, o_payload);
    reg [3:0] asked = 0, came = 0, left = 0;  // beats of the job, of all jobs, of all bursts
    reg [3:0] ended = 0, answered = 0, taken = 0;  // bursts
    reg [3:0] open = 0;  // beats that the burst has yet to bring
    reg running = 0, offered = 0;
    reg [DATA+DATA/8-1:0] beat;
    (* anyconst *) reg [3:0] chosen;
    wire announced = bursts_valid && !offered;
    wire [3:0] rest = announced ? length + 1 : open;
    wire takes = i_valid && i_ready, gives = o_valid && o_ready, asks = bursts_valid && bursts_ready;
    always @* begin
      assume (!stop);
      // An answer follows its burst's last beat, and its address.
      if (answer) assume (answered < ended && answered < taken);
    end
    always @(posedge clk)
      if (rst) begin
        {asked, came, left, ended, answered, taken, open} <= 0;
        {running, offered} <= 0;
      end else begin
        offered <= bursts_valid && !bursts_ready;
        came <= came + takes;
        left <= left + gives;
        open <= rest - gives;
        ended <= ended + (gives && last);
        taken <= taken + asks;
        answered <= answered + answer;
        if (start) {running, asked} <= {1'b1, 4'b0};
        else if (asks) asked <= asked + length + 1;
        if (takes && came == chosen) beat <= i_payload[DATA+DATA/8-1:0];
      end
    always @* if (!rst) begin
      if (bursts_valid) begin
        assert (running && length < BURST);
        assert (asked + length + 1 <= count);
        assert (index == (address >> SIZE) + asked);
        assert (index % PAGE + length < PAGE);
      end
      if (announced) assert (open == 0);
      if (o_valid) begin
        assert (rest != 0);
        assert (left != came);
        assert (last == (rest == 1));
        if (left == chosen) assert (o_payload[DATA+DATA/8-1:0] == beat);
      end
      if (running && idle) begin
        assert (asked == count && open == 0 && !bursts_valid);
        assert (answered == ended && answered == taken);
      end
    end
    always @(posedge clk) begin
      cover (running && idle && count == 3 && left == 3);
      cover (asks && index % PAGE == 0 && asked == 1);
      cover (taken == 2 && answered == 0);
    end
  end endgenerate
endmodule
