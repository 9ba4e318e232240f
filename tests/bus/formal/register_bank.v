// RegisterBank: all bits of the counters count, and are read, as the docstring says: cycles and the
// upper word that is kept for the next access, words and waits of each stream, from a clear on.

module harness (
    input clk, input rst, input request, input write, input [11:0] address, input [3:0] strobe,
    input [31:0] write_data, input [1:0] moves, input [1:0] waits, input [1:0] broken, input busy,
    input resetting, input done, input failed, input [7:0] failed_kind, input [7:0] failed_stream
);
  localparam COMMAND = 12'h20, LOW = 12'h40, HIGH = 12'h44, WORDS = 12'h80, WAITS = 12'h84;
  wire answers, error;
  wire [31:0] read_data;
  register_bank unit (
      .clk(clk), .rst(rst), .registers_request(request), .registers_write(write),
      .registers_address(address), .registers_strobe(strobe), .registers_write_data(write_data),
      .registers_done(answers), .registers_error(error), .registers_read_data(read_data),
      .moves(moves), .waits(waits), .broken(broken), .busy(busy), .resetting(resetting),
      .done(done), .failed(failed), .failed_kind(failed_kind), .failed_stream(failed_stream)
  );

  // What was asked for in the cycle before.
  reg asked = 0, writes, first_bit;
  reg [11:0] at;
  always @(posedge clk) begin
    asked <= request && !rst;
    {writes, at, first_bit} <= {write, address, strobe[0] && write_data[0]};
  end
  wire clear = asked && writes && at == COMMAND && first_bit;

  reg [63:0] cycles = 0;
  reg [31:0] high = 0, words_0 = 0, words_1 = 0, waits_0 = 0, waits_1 = 0;
  always @(posedge clk)
    if (rst) {cycles, high, words_0, words_1, waits_0, waits_1} <= 0;
    else begin
      cycles <= clear ? 0 : cycles + busy;
      words_0 <= clear ? 0 : words_0 + moves[0];
      words_1 <= clear ? 0 : words_1 + moves[1];
      waits_0 <= clear ? 0 : waits_0 + (waits[0] && busy);
      waits_1 <= clear ? 0 : waits_1 + (waits[1] && busy);
      if (asked && !writes && at == LOW) high <= cycles[63:32];
    end

  reg reads = 0;
  reg [31:0] value;
  always @(posedge clk) begin
    reads <= asked && !writes && !rst && (at == LOW || at == HIGH || at == WORDS || at == WAITS
        || at == WORDS + 8 || at == WAITS + 8);
    case (at)
      LOW: value <= cycles[31:0];
      HIGH: value <= high;
      WORDS: value <= words_0;
      WAITS: value <= waits_0;
      WORDS + 8: value <= words_1;
      WAITS + 8: value <= waits_1;
    endcase
  end
  always @* if (!rst && reads) assert (answers && !error && read_data == value);

  // The same inside the unit, from which the above follows.
  (* keep *) wire [63:0] unit__cycles;
  (* keep *) wire [31:0] unit__cycles_high, unit__words_jobs, unit__words_results,
      unit__waits_jobs, unit__waits_results;
  always @* if (!rst) begin
    assert (unit__cycles == cycles && unit__cycles_high == high);
    assert (unit__words_jobs == words_0 && unit__words_results == words_1);
    assert (unit__waits_jobs == waits_0 && unit__waits_results == waits_1);
  end
  always @(posedge clk) if (!rst) begin
    cover (reads && value == 2 && waits_1 == 1);
    cover (clear && cycles == 3);
  end
endmodule
