
// Offers the words of a file.
module TOP_tb_source #(
  parameter WIDTH = 1,
  parameter WORDS = 1,
  parameter [22:0] SEED = 1,
  parameter FILE = ""
) (
  input clk,
  input run,
  input pauses,
  output reg valid,
  input ready,
  output reg [WIDTH-1:0] data,
  output failed,
  output done
);
  reg [WIDTH-1:0] words [0:WORDS-1];
  integer next;
  wire pause;

  initial begin
    $readmemh(FILE, words);
    valid = 1'b0;
    next = 0;
  end
  assign done = run && next == WORDS && !valid;

  TOP_tb_file #(.FILE(FILE)) file (.failed(failed));
  TOP_tb_pauses #(.SEED(SEED)) pattern (.clk(clk), .pause(pause));

  always @(posedge clk)
    if (!run) begin
      valid <= 1'b0;
      next <= 0;
    end else if (!valid || ready) begin
      if (next < WORDS && !(pauses && pause)) begin
        valid <= 1'b1;
        data <= words[next];
        next <= next + 1;
      end else
        valid <= 1'b0;
    end
endmodule

// Takes words, and compares them with the words of a file.
module TOP_tb_sink #(
  parameter WIDTH = 1,
  parameter WORDS = 1,
  parameter [22:0] SEED = 1,
  parameter FILE = ""
) (
  input clk,
  input run,
  input pauses,
  input valid,
  output reg ready,
  input [WIDTH-1:0] data,
  output failed,
  output done
);
  reg [WIDTH-1:0] words [0:WORDS-1];
  reg wrong;
  integer next;
  wire pause;
  wire broken;
  wire missing;

  initial begin
    $readmemh(FILE, words);
    ready = 1'b0;
    wrong = 1'b0;
    next = 0;
  end
  assign done = run && next == WORDS;
  assign failed = wrong || broken || missing;

  TOP_tb_file #(.FILE(FILE)) file (.failed(missing));
  TOP_tb_pauses #(.SEED(SEED)) pattern (.clk(clk), .pause(pause));
  TOP_tb_rules #(.WIDTH(WIDTH)) rules (
    .clk(clk), .run(run), .valid(valid), .ready(ready), .data(data), .failed(broken)
  );

  always @(posedge clk) begin
    ready <= run && !(pauses && pause);
    if (!run)
      next <= 0;
    else if (valid && ready) begin
      next <= next + 1;
      if (next >= WORDS) begin
        $display("%m: word %0d is beyond the last", next);
        wrong <= 1'b1;
      end else if (data !== words[next]) begin
        $display("%m: word %0d is %h, not %h", next, data, words[next]);
        wrong <= 1'b1;
      end
    end
  end
endmodule
