// AxiLite: an answer for each request and none without, with what the registers said; a request
// for each pair of address and data, or address; none waits forever.

module harness (
    input clk, input rst,
    input [11:0] axi_awaddr, input [2:0] axi_awprot, input axi_awvalid,
    input [31:0] axi_wdata, input [3:0] axi_wstrb, input axi_wvalid, input axi_bready,
    input [11:0] axi_araddr, input [2:0] axi_arprot, input axi_arvalid, input axi_rready,
    input error, input [31:0] read_data
);
  // Cycles from the last part of a request to its answer, with one of the other kind before it.
  localparam MOST = 8;
  wire axi_awready, axi_wready, axi_bvalid, axi_arready, axi_rvalid;
  wire [1:0] axi_bresp, axi_rresp;
  wire [31:0] axi_rdata, write_data;
  wire request, write;
  wire [11:0] address;
  wire [3:0] strobe;
  reg done = 0;
  always @(posedge clk) done <= request && !rst;

  axi_lite unit (
      .clk(clk), .rst(rst),
      .axi_awaddr(axi_awaddr), .axi_awprot(axi_awprot), .axi_awvalid(axi_awvalid),
      .axi_awready(axi_awready), .axi_wdata(axi_wdata), .axi_wstrb(axi_wstrb),
      .axi_wvalid(axi_wvalid), .axi_wready(axi_wready), .axi_bresp(axi_bresp),
      .axi_bvalid(axi_bvalid), .axi_bready(axi_bready), .axi_araddr(axi_araddr),
      .axi_arprot(axi_arprot), .axi_arvalid(axi_arvalid), .axi_arready(axi_arready),
      .axi_rdata(axi_rdata), .axi_rresp(axi_rresp), .axi_rvalid(axi_rvalid),
      .axi_rready(axi_rready), .registers_request(request), .registers_write(write),
      .registers_address(address), .registers_strobe(strobe), .registers_write_data(write_data),
      .registers_done(done), .registers_error(error), .registers_read_data(read_data)
  );
  stream_assumed #(15) aw (clk, rst, axi_awvalid, axi_awready, {axi_awprot, axi_awaddr});
  stream_assumed #(36) w (clk, rst, axi_wvalid, axi_wready, {axi_wstrb, axi_wdata});
  stream_assumed #(15) ar (clk, rst, axi_arvalid, axi_arready, {axi_arprot, axi_araddr});
  stream_asserted #(2) b (clk, rst, axi_bvalid, axi_bready, axi_bresp);
  stream_asserted #(34) r (clk, rst, axi_rvalid, axi_rready, {axi_rresp, axi_rdata});

  // What was taken and not answered by the registers; what they answered and was not given on.
  reg aw_open = 0, w_open = 0, ar_open = 0, b_owed = 0, r_owed = 0, asked = 0, asked_write;
  reg [11:0] aw_address, ar_address;
  reg [35:0] w_word;
  reg [1:0] b_answer;
  reg [33:0] r_answer;
  reg [3:0] b_wait = 0, r_wait = 0;
  wire waits = (axi_bvalid && !axi_bready) || (axi_rvalid && !axi_rready);
  always @(posedge clk)
    if (rst) begin
      {aw_open, w_open, ar_open, b_owed, r_owed, asked} <= 0;
      {b_wait, r_wait} <= 0;
    end else begin
      if (axi_awvalid && axi_awready) {aw_open, aw_address} <= {1'b1, axi_awaddr};
      if (axi_wvalid && axi_wready) {w_open, w_word} <= {1'b1, axi_wstrb, axi_wdata};
      if (axi_arvalid && axi_arready) {ar_open, ar_address} <= {1'b1, axi_araddr};
      if (axi_bvalid && axi_bready) b_owed <= 0;
      if (axi_rvalid && axi_rready) r_owed <= 0;
      if (done) asked <= 0;
      if (request) {asked, asked_write} <= {1'b1, write};
      if (done && asked_write) begin
        {aw_open, w_open, b_owed} <= 3'b001;
        b_answer <= {error, 1'b0};
      end
      if (done && !asked_write) begin
        {ar_open, r_owed} <= 2'b01;
        r_answer <= {error, 1'b0, read_data};
      end
      b_wait <= aw_open && w_open && !waits && !b_owed ? b_wait + 1 : 0;
      r_wait <= ar_open && !waits && !r_owed ? r_wait + 1 : 0;
    end
  always @* assert (!(request && done));
  always @* if (!rst) begin
    assert (!(aw_open && axi_awready) && !(w_open && axi_wready) && !(ar_open && axi_arready));
    assert (aw_open || axi_awready);
    assert (w_open || axi_wready);
    assert (ar_open || axi_arready);
    assert (axi_bvalid == b_owed);
    assert (axi_rvalid == r_owed);
    if (axi_bvalid) assert (axi_bresp == b_answer);
    if (axi_rvalid) assert ({axi_rresp, axi_rdata} == r_answer);
    assert (asked == done);
    if (request) begin
      assert (!asked);
      if (write) begin
        assert (aw_open && w_open && !b_owed);
        assert (address == aw_address && {strobe, write_data} == w_word);
      end else begin
        assert (ar_open && !r_owed);
        assert (address == ar_address);
      end
    end
    assert (b_wait < MOST && r_wait < MOST);
  end
  reg both = 0;
  always @(posedge clk) begin
    if (axi_bvalid && axi_rvalid) both <= 1;
    cover (both && !axi_bvalid && !axi_rvalid);
    cover (axi_bvalid && axi_bready && axi_bresp == 2);
    cover (axi_rvalid && axi_rready && axi_rdata == 32'hffffffff);
  end
endmodule
