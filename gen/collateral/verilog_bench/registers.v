
// Accesses registers behind AXI4-Lite. In writes, the address and the data come first in turn.
module TOP_tb_registers (
  input clk,
  output reg [11:0] awaddr,
  output reg awvalid,
  input awready,
  output reg [31:0] wdata,
  output reg wvalid,
  input wready,
  input [1:0] bresp,
  input bvalid,
  output reg bready,
  output reg [11:0] araddr,
  output reg arvalid,
  input arready,
  input [31:0] rdata,
  input [1:0] rresp,
  input rvalid,
  output reg rready,
  output reg failed
);
  reg data_first;
  reg aw_taken;
  reg w_taken;
  reg b_taken;
  reg ar_taken;
  reg r_taken;
  reg [1:0] response;
  reg [31:0] data;
  integer lag;

  initial begin
    awvalid = 1'b0;
    wvalid = 1'b0;
    bready = 1'b0;
    arvalid = 1'b0;
    rready = 1'b0;
    failed = 1'b0;
    data_first = 1'b0;
  end

  always @(posedge clk) begin
    aw_taken <= awvalid && awready;
    w_taken <= wvalid && wready;
    b_taken <= bvalid && bready;
    ar_taken <= arvalid && arready;
    r_taken <= rvalid && rready;
    response <= bready ? bresp : rresp;
    data <= rdata;
  end

  // Ports are driven shortly after the edge, so that nothing races with it.
  task tick;
    begin
      @(posedge clk);
      #1;
    end
  endtask

  task write(input [11:0] address, input [31:0] value, input [1:0] wanted);
    begin
      awaddr = address;
      wdata = value;
      awvalid = !data_first;
      wvalid = data_first;
      for (lag = 3; awvalid || wvalid || lag > 0; lag = lag - 1) begin
        tick;
        if (aw_taken) awvalid = 1'b0;
        if (w_taken) wvalid = 1'b0;
        if (lag == 1) begin
          if (data_first) awvalid = 1'b1;
          else wvalid = 1'b1;
        end
      end
      data_first = !data_first;
      bready = 1'b1;
      tick;
      while (!b_taken) tick;
      bready = 1'b0;
      if (response !== wanted) begin
        $display("%m: the response to a write of %h is %0d, not %0d", address, response, wanted);
        failed = 1'b1;
      end
    end
  endtask

  task read(input [11:0] address, input [31:0] value, input [1:0] wanted);
    begin
      araddr = address;
      arvalid = 1'b1;
      tick;
      while (!ar_taken) tick;
      arvalid = 1'b0;
      rready = 1'b1;
      tick;
      while (!r_taken) tick;
      rready = 1'b0;
      if (data !== value || response !== wanted) begin
        $display("%m: the response to a read of %h is %0d, %h, not %0d, %h",
                 address, response, data, wanted, value);
        failed = 1'b1;
      end
    end
  endtask
endmodule
