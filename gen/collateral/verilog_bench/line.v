
// The host on a serial line: sends bytes while it has credits, and compares results and values of
// registers with two files.
module TOP_tb_line #(
  parameter DIVISOR = 4,
  parameter DEPTH = 32,
  parameter BYTES = 1,
  parameter RESULTS = 1,
  parameter VALUES = 1,
  parameter [7:0] ESCAPE = 0,
  parameter [7:0] LITERAL = 0,
  parameter [7:0] END = 0,
  parameter [7:0] CREDIT = 0,
  parameter [7:0] READ = 0,
  parameter SENT = "",
  parameter RESULT = "",
  parameter VALUE = ""
) (
  input clk,
  input run,
  input pauses,
  input hold,
  output to_core,
  input from_core,
  output failed,
  output done
);
  reg [7:0] bytes [0:BYTES-1];
  // Bytes of results, and 256 for the end of a packet.
  reg [8:0] results [0:RESULTS-1];
  reg [31:0] values [0:VALUES-1];
  reg wrong;
  wire [2:0] missing;
  wire pause;

  integer credits;
  integer next;
  integer bits_left;
  integer send_clock;
  reg line;
  reg [8:0] sending;

  integer result;
  integer value;
  integer bits;
  integer receive_clock;
  reg receiving;
  reg [7:0] received;
  reg escaped;
  integer value_bytes;
  reg [31:0] reading;

  initial begin
    $readmemh(SENT, bytes);
    $readmemh(RESULT, results);
    $readmemh(VALUE, values);
    wrong = 1'b0;
    line = 1'b1;
    receiving = 1'b0;
    escaped = 1'b0;
    bits_left = 0;
    value_bytes = 0;
    next = 0;
    result = 0;
    value = 0;
  end
  assign to_core = line && !hold;
  assign failed = wrong || missing != 3'd0;
  assign done = run && next == BYTES && bits_left == 0 && result == RESULTS && value == VALUES;

  TOP_tb_file #(.FILE(SENT)) file_sent (.failed(missing[0]));
  TOP_tb_file #(.FILE(RESULT)) file_result (.failed(missing[1]));
  TOP_tb_file #(.FILE(VALUE)) file_value (.failed(missing[2]));
  TOP_tb_pauses pattern (.clk(clk), .pause(pause));

  task take_result(input [8:0] actual);
    begin
      if (result >= RESULTS || actual !== results[result]) begin
        $display("%m: byte %0d of results is %h, not %h", result, actual, results[result]);
        wrong = 1'b1;
      end
      result = result + 1;
    end
  endtask

  task take(input [7:0] code);
    if (value_bytes != 0) begin
      reading = {code, reading[31:8]};
      value_bytes = value_bytes - 1;
      if (value_bytes == 0) begin
        if (value >= VALUES || reading !== values[value]) begin
          $display("%m: value %0d is %h, not %h", value, reading, values[value]);
          wrong = 1'b1;
        end
        value = value + 1;
      end
    end else if (escaped) begin
      escaped = 1'b0;
      case (code)
        LITERAL: take_result({1'b0, ESCAPE});
        END: take_result(9'h100);
        CREDIT: credits = credits + DEPTH / 2;
        READ: value_bytes = 4;
        default: begin
          $display("%m: code %h is unknown", code);
          wrong = 1'b1;
        end
      endcase
    end else if (code == ESCAPE)
      escaped = 1'b1;
    else
      take_result({1'b0, code});
  endtask

  always @(posedge clk)
    if (!run) begin
      credits = DEPTH;
      next = 0;
      bits_left = 0;
      line = 1'b1;
      result = 0;
      value = 0;
      receiving = 1'b0;
    end else begin
      if (bits_left != 0) begin
        send_clock = send_clock + 1;
        if (send_clock == DIVISOR) begin
          send_clock = 0;
          line = sending[0];
          sending = {1'b1, sending[8:1]};
          bits_left = bits_left - 1;
        end
      end else if (next < BYTES && credits != 0 && !(pauses && pause)) begin
        line = 1'b0;
        sending = {1'b1, bytes[next]};
        send_clock = 0;
        bits_left = 10;
        next = next + 1;
        credits = credits - 1;
      end

      if (receiving) begin
        receive_clock = receive_clock - 1;
        if (receive_clock == 0) begin
          receive_clock = DIVISOR;
          bits = bits + 1;
          if (bits <= 8)
            received = {from_core, received[7:1]};
          else begin
            receiving = 1'b0;
            if (from_core !== 1'b1) begin
              $display("%m: a byte has no stop bit");
              wrong = 1'b1;
            end
            take(received);
          end
        end
      end else if (from_core !== 1'b1) begin
        receiving = 1'b1;
        receive_clock = DIVISOR + DIVISOR / 2;
        bits = 0;
      end
    end
endmodule
