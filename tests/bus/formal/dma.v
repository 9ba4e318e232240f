// Dma: a job begins only when all is free, and runs only when its addresses and counts are right,
// else it is rejected after 3 cycles with the first fault; every error of the memory is reported
// with its stream, whatever the readers and the writer do at the same time; nothing is asked of the
// memory without a job, nor begun after stop; done and drained come only when all that was asked
// for has come, and stop always ends in drained.

module harness #(parameter COUNT = 2) (
    input clk, input rst, input awready, input wready, input [1:0] bresp, input bvalid,
    input arready, input [2:0] rid, input [31:0] rdata, input [1:0] rresp, input rvalid,
    input [1:0] o_ready, input [36:0] i_payload, input i_valid, input start, input stop,
    input quiet
);
  // Two readers, the first of which a job cannot do without, and the writer; a beat a burst.
  localparam READ = 4, WRITE = 5, BUSY = 7, WAIT = 12;
  (* anyconst *) reg [11:0] address_0, address_1, address_2;
  (* anyconst *) reg [COUNT-1:0] count_0, count_1, count_2;
  wire [2:0] awid, arid;
  wire [11:0] awaddr, araddr;
  wire [7:0] awlen, arlen, failed_kind, failed_stream;
  wire awvalid, wvalid, wlast, bready, arvalid, rready, i_ready;
  wire running, drained, done, failed;
  wire [1:0] o_valid;
  dma unit (
      .clk(clk), .rst(rst), .memory_awid(awid), .memory_awaddr(awaddr), .memory_awlen(awlen),
      .memory_awvalid(awvalid), .memory_awready(awready), .memory_wlast(wlast),
      .memory_wvalid(wvalid), .memory_wready(wready), .memory_bid(3'd2), .memory_bresp(bresp),
      .memory_bvalid(bvalid), .memory_bready(bready), .memory_arid(arid), .memory_araddr(araddr),
      .memory_arlen(arlen), .memory_arvalid(arvalid), .memory_arready(arready), .memory_rid(rid),
      .memory_rdata(rdata), .memory_rresp(rresp), .memory_rlast(1'b1), .memory_rvalid(rvalid),
      .memory_rready(rready), .o_0_valid(o_valid[0]), .o_0_ready(o_ready[0]),
      .o_1_valid(o_valid[1]), .o_1_ready(o_ready[1]), .i_payload(i_payload), .i_valid(i_valid),
      .i_ready(i_ready), .address({address_2, address_1, address_0}),
      .count({{32 - COUNT{1'b0}}, count_2, {32 - COUNT{1'b0}}, count_1, {32 - COUNT{1'b0}}, count_0}),
      .start(start), .stop(stop), .quiet(quiet), .running(running), .drained(drained),
      .done(done), .failed(failed), .failed_kind(failed_kind), .failed_stream(failed_stream)
  );
  stream_assumed #(37) i (clk, rst, i_valid, i_ready, i_payload);

  // Beats that were asked for of each reader; writes whose addresses, or data, have gone.
  reg [2:0] coming_0 = 0, coming_1 = 0;
  reg [4:0] addressed = 0, written = 0;
  reg stopping = 0, job = 0, resting = 1;  // since a job was rejected, or all had come
  reg [2:0] age = 0;
  // The first fault of the streams, in their order: no words, an address within a beat, and words
  // beyond the last address.
  wire [11:0] end_0 = address_0[11:2] + count_0, end_1 = address_1[11:2] + count_1,
      end_2 = address_2[11:2] + count_2;
  wire nothing = count_0 == 0 && count_1 == 0 && count_2 == 0;
  reg [7:0] kind, stream;
  always @* begin
    kind = 0;
    stream = 0;
    if (count_2 != 0 && end_2 > 1024) {kind, stream} = {8'd3, 8'd2};
    if (count_2 != 0 && address_2[1:0] != 0) {kind, stream} = {8'd2, 8'd2};
    if (count_1 != 0 && end_1 > 1024) {kind, stream} = {8'd3, 8'd1};
    if (count_1 != 0 && address_1[1:0] != 0) {kind, stream} = {8'd2, 8'd1};
    if (count_0 != 0 && end_0 > 1024) {kind, stream} = {8'd3, 8'd0};
    if (count_0 != 0 && address_0[1:0] != 0) {kind, stream} = {8'd2, 8'd0};
    if (count_0 == 0) {kind, stream} = {8'd1, 8'd0};
  end
  wire faulty = kind != 0;
  wire rejects = job && age == 3 && faulty && !stop;

  wire asks = arvalid && arready;
  always @* begin
    if (rvalid) assume (rid == 0 ? coming_0 != 0 : rid == 1 && coming_1 != 0);
    if (bvalid) assume (addressed != 0 && written != 0);
    if (stopping) assume (stop);
  end
  always @(posedge clk)
    if (rst) begin
      {coming_0, coming_1, addressed, written, stopping, job, age} <= 0;
      resting <= 1;
    end else begin
      coming_0 <= coming_0 + (asks && arid == 0) - (rvalid && rid == 0);
      coming_1 <= coming_1 + (asks && arid == 1) - (rvalid && rid == 1);
      addressed <= addressed + (awvalid && awready) - bvalid;
      written <= written + (wvalid && wready) - bvalid;
      stopping <= stop && !drained;
      job <= job ? !stop && !done && !rejects : start && !failed;
      resting <= !(start && !failed) && (resting || rejects || (drained && !job));
      age <= start && !failed ? 1 : age != 0 && age != 4 ? age + 1 : age;
    end

  reg wrote_before = 0, was_stopped = 0;
  reg [3:0] still = 0;
  wire memory_owes = coming_0 != 0 || coming_1 != 0 || addressed != 0;
  always @(posedge clk) begin
    was_stopped <= stop && !rst;
    wrote_before <= awvalid && !rst;
    // The memory takes and answers all, the core takes all and gives nothing more.
    still <= !rst && stop && !drained && !arvalid && !awvalid && !wvalid && !memory_owes
        && o_valid == 0 && !(i_valid && i_ready) ? still + 1 : 0;
  end
  always @* if (!rst) begin
    assert (rready && bready && awid == 2);
    if (arvalid) assert (arid < 2 && arlen == 0 && araddr[1:0] == 0);
    if (awvalid) assert (awlen == 0 && awaddr[1:0] == 0);
    assert (running == job);
    if (rejects) assert (failed && failed_kind == kind && failed_stream == stream);
    else if (rvalid && rresp != 0) assert (failed && failed_kind == READ && failed_stream == rid);
    else if (bvalid && bresp != 0) assert (failed && failed_kind == WRITE && failed_stream == 2);
    else if (start && (running || stop || !drained || !quiet))
      assert (failed && failed_kind == BUSY);
    else if (failed) assert (start && failed_kind == BUSY);
    if (job && age < 4) assert (!arvalid && !awvalid && (drained || stop));
    if (resting) assert (!job && !arvalid && !awvalid && !wvalid && !memory_owes);
    if (drained) assert (!memory_owes && written == 0 && !awvalid);
    if (done) assert (job && drained && quiet && o_valid == 0);
    if (was_stopped && awvalid) assert (wrote_before);
    assert (still < WAIT);
  end
  always @(posedge clk) if (!rst) begin
    cover (done && !faulty && count_0 != 0 && count_1 != 0 && count_2 != 0);
    cover (rejects && kind == 3 && stream == 1);
    cover (coming_0 != 0 && coming_1 != 0 && rvalid && rresp == 2 && bvalid && bresp == 2);
    cover (stop && drained && stopping && addressed == 0);
    cover (start && failed && running);
  end
endmodule
