
// A memory behind AXI4 that checks the bursts. Bursts of different identifiers overtake each other
// at random.
module TOP_tb_memory #(
  parameter DATA = 32,
  parameter ADDRESS = 32,
  parameter ID = 3,
  parameter WORDS = 1,
  parameter BEFORE = "",
  parameter AFTER = "",
  parameter [ADDRESS-1:0] BASE = 0
) (
  input clk,
  input run,
  input pauses,
  input [ID-1:0] awid,
  input [ADDRESS-1:0] awaddr,
  input [7:0] awlen,
  input [2:0] awsize,
  input [1:0] awburst,
  input awvalid,
  output reg awready,
  input [DATA-1:0] wdata,
  input [DATA/8-1:0] wstrb,
  input wlast,
  input wvalid,
  output reg wready,
  output reg [ID-1:0] bid,
  output [1:0] bresp,
  output reg bvalid,
  input bready,
  input [ID-1:0] arid,
  input [ADDRESS-1:0] araddr,
  input [7:0] arlen,
  input [2:0] arsize,
  input [1:0] arburst,
  input arvalid,
  output reg arready,
  output reg [ID-1:0] rid,
  output reg [DATA-1:0] rdata,
  output [1:0] rresp,
  output reg rlast,
  output reg rvalid,
  input rready,
  output failed
);
  localparam BYTES = DATA / 8;

  reg [DATA-1:0] memory [0:WORDS-1];
  reg [DATA-1:0] wanted [0:WORDS-1];
  reg wrong;
  reg differs;
  wire [4:0] broken;
  wire [4:0] pause;

  reg [ADDRESS-1:0] read_from [0:8];
  reg [8:0] read_beats [0:8];
  reg [ID-1:0] read_id [0:8];
  integer reads;
  integer selected;
  integer read_at;
  reg [8:0] read_left;

  reg [ADDRESS-1:0] write_to [0:8];
  reg [8:0] write_beats [0:8];
  reg [ID-1:0] write_id [0:8];
  integer writes;
  integer write_at;
  reg [8:0] write_left;

  reg [ID-1:0] response_id [0:8];
  integer responses;
  integer i;
  integer j;
  integer k;

  initial begin
    wrong = 1'b0;
    differs = 1'b0;
    awready = 1'b0;
    wready = 1'b0;
    bvalid = 1'b0;
    arready = 1'b0;
    rvalid = 1'b0;
    rlast = 1'b0;
    reads = 0;
    read_left = 9'd0;
    writes = 0;
    write_left = 9'd0;
    responses = 0;
  end
  assign bresp = 2'd0;
  assign rresp = 2'd0;
  assign failed = wrong || differs || broken != 5'd0;

  TOP_tb_file #(.FILE(BEFORE)) file_before (.failed(broken[3]));
  TOP_tb_file #(.FILE(AFTER)) file_after (.failed(broken[4]));
  genvar g;
  generate
    for (g = 0; g < 5; g = g + 1) begin : patterns
      TOP_tb_pauses #(.SEED(g + 1000)) pattern (.clk(clk), .pause(pause[g]));
    end
  endgenerate
  TOP_tb_rules #(.WIDTH(ID + ADDRESS + 13)) aw (
    .clk(clk), .run(run), .valid(awvalid), .ready(awready),
    .data({awid, awaddr, awlen, awsize, awburst}), .failed(broken[0])
  );
  // Bytes without a strobe may have any value.
  wire [DATA-1:0] strobed;
  generate
    for (g = 0; g < BYTES; g = g + 1) begin : bytes
      assign strobed[8*g +: 8] = wstrb[g] ? wdata[8*g +: 8] : 8'd0;
    end
  endgenerate
  TOP_tb_rules #(.WIDTH(DATA + BYTES + 1)) w (
    .clk(clk), .run(run), .valid(wvalid), .ready(wready),
    .data({strobed, wstrb, wlast}), .failed(broken[1])
  );
  TOP_tb_rules #(.WIDTH(ID + ADDRESS + 13)) ar (
    .clk(clk), .run(run), .valid(arvalid), .ready(arready),
    .data({arid, araddr, arlen, arsize, arburst}), .failed(broken[2])
  );

  // The index of an address in the memory.
  function integer index_of(input [ADDRESS-1:0] address);
    reg [ADDRESS-1:0] offset;
    begin
      offset = address - BASE;
      index_of = offset / BYTES;
    end
  endfunction

  task check_burst(
    input [ADDRESS-1:0] address, input [7:0] len, input [2:0] size, input [1:0] burst
  );
    begin
      if ((1 << size) != BYTES || burst !== 2'd1) begin
        $display("%m: a burst must be INCR of whole beats, not %0d of 2^%0d bytes", burst, size);
        wrong <= 1'b1;
      end
      if (address % BYTES != 0 || address % 4096 + (len + 1) * BYTES > 4096) begin
        $display("%m: a burst of %0d beats at %h must be aligned and within 4 KB",
                 len + 1, address);
        wrong <= 1'b1;
      end
      if (address < BASE || index_of(address) + len >= WORDS) begin
        $display("%m: a burst of %0d beats at %h is outside of the job", len + 1, address);
        wrong <= 1'b1;
      end
    end
  endtask

  task load;
    begin
      $readmemh(BEFORE, memory);
      $readmemh(AFTER, wanted);
    end
  endtask

  task check;
    begin
      for (k = 0; k < WORDS; k = k + 1)
        if (memory[k] !== wanted[k]) begin
          $display("%m: address %h holds %h, not %h", BASE + k * BYTES, memory[k], wanted[k]);
          differs = 1'b1;
        end
    end
  endtask

  always @(posedge clk) begin
    if (arvalid && arready) begin
      check_burst(araddr, arlen, arsize, arburst);
      read_from[reads] = araddr;
      read_beats[reads] = arlen + 9'd1;
      read_id[reads] = arid;
      reads = reads + 1;
    end
    if (!rvalid || rready) begin
      rvalid <= 1'b0;
      if (read_left == 9'd0 && reads != 0) begin
        selected = (reads > 1 && read_id[0] != read_id[1] && pause[1]) ? 1 : 0;
        read_at = index_of(read_from[selected]);
        read_left = read_beats[selected];
        rid <= read_id[selected];
        reads = reads - 1;
        for (i = selected; i < 8; i = i + 1) begin
          read_from[i] = read_from[i + 1];
          read_beats[i] = read_beats[i + 1];
          read_id[i] = read_id[i + 1];
        end
      end
      if (read_left != 9'd0 && !(pauses && pause[0])) begin
        rvalid <= 1'b1;
        rdata <= memory[read_at];
        rlast <= read_left == 9'd1;
        read_at = read_at + 1;
        read_left = read_left - 9'd1;
      end
    end
    arready <= run && reads < 8 && !(pauses && pause[1]);
  end

  always @(posedge clk) begin
    if (awvalid && awready) begin
      check_burst(awaddr, awlen, awsize, awburst);
      write_to[writes] = awaddr;
      write_beats[writes] = awlen + 9'd1;
      write_id[writes] = awid;
      writes = writes + 1;
    end
    if (bvalid && bready) bvalid <= 1'b0;
    if (wvalid && wready) begin
      for (j = 0; j < BYTES; j = j + 1)
        if (wstrb[j]) memory[write_at][8*j +: 8] = wdata[8*j +: 8];
      if (wlast !== (write_left == 9'd1)) begin
        $display("%m: wlast is %b with %0d beats to come", wlast, write_left - 9'd1);
        wrong <= 1'b1;
      end
      write_at = write_at + 1;
      write_left = write_left - 9'd1;
      if (write_left == 9'd0) begin
        response_id[responses] = write_id[0];
        responses = responses + 1;
        writes = writes - 1;
        for (j = 0; j < 8; j = j + 1) begin
          write_to[j] = write_to[j + 1];
          write_beats[j] = write_beats[j + 1];
          write_id[j] = write_id[j + 1];
        end
      end
    end
    if (write_left == 9'd0 && writes != 0) begin
      write_at = index_of(write_to[0]);
      write_left = write_beats[0];
    end
    if ((!bvalid || bready) && responses != 0 && !(pauses && pause[2])) begin
      bvalid <= 1'b1;
      bid <= response_id[0];
      responses = responses - 1;
      for (j = 0; j < 8; j = j + 1) response_id[j] = response_id[j + 1];
    end
    // Writes wait while too many responses have not been taken.
    wready <= run && write_left != 9'd0 && responses < 7 && !(pauses && pause[3]);
    awready <= run && writes < 8 && !(pauses && pause[4]);
  end
endmodule
