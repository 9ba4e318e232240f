
// Random pauses of 1 to 8 cycles, from a linear feedback shift register.
module TOP_tb_pauses #(
  parameter [22:0] SEED = 1
) (
  input clk,
  output pause
);
  reg [22:0] random;
  reg [2:0] left;

  initial begin
    random = 23'h2b5a97 ^ SEED;
    left = 3'd0;
  end
  assign pause = left != 3'd0;

  always @(posedge clk) begin
    random <= {random[21:0], random[22] ^ random[17]};
    if (left != 3'd0)
      left <= left - 3'd1;
    else if (random[2:0] == 3'd0)
      left <= random[7:5];
  end
endmodule

// Checks that a word that is offered has no unknown bit, and stays valid and the same until it is
// taken.
module TOP_tb_rules #(
  parameter WIDTH = 1
) (
  input clk,
  input run,
  input valid,
  input ready,
  input [WIDTH-1:0] data,
  output reg failed
);
  reg waits;
  reg [WIDTH-1:0] waiting;

  initial begin
    waits = 1'b0;
    failed = 1'b0;
  end

  always @(posedge clk) begin
    waits <= run && valid && !ready;
    waiting <= data;
    if (run && valid && (^data) === 1'bx) begin
      $display("%m: the word has unknown bits: %h", data);
      failed <= 1'b1;
    end
    if (run && waits && (!valid || data !== waiting)) begin
      $display("%m: the word changed before it was taken");
      failed <= 1'b1;
    end
  end
endmodule

// Checks that a file is in the folder of the simulation; a simulator may go on without it.
module TOP_tb_file #(
  parameter FILE = ""
) (
  output reg failed
);
  integer file;

  initial begin
    failed = 1'b0;
    file = $fopen(FILE, "r");
    if (file == 0) begin
      $display("%0s must be in the folder of the simulation", FILE);
      failed = 1'b1;
    end else
      $fclose(file);
  end
endmodule
