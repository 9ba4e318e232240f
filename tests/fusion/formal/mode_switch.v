// ModeSwitch: tiles pass in order, each in its own mode; the mode never changes while the control
// has a tile, nor within the drain time of a row; no tile passes within the settling time of a
// change; each passes as soon as the docstring says.

module harness #(parameter TILE = 4, DRAIN = 3, SETTLE = 2) (
    input clk, input rst, input [TILE+7:0] i_payload, input i_valid, input o_ready,
    input step, input last, input pick
);
  wire i_ready, o_valid;
  wire [TILE-1:0] o_payload;
  wire [5:0] choice;
  wire [1:0] shift;
  mode_switch unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready), .step(step), .last(last),
      .choice(choice), .shift(shift)
  );
  stream_assumed #(TILE + 8) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(TILE) o (clk, rst, o_valid, o_ready, o_payload);

  // Tiles in the queue; those that the control has, of which it lets rows go; cycles since a row.
  reg [2:0] inside = 0, known = 0;
  reg [3:0] since = DRAIN + 1, steady = SETTLE + 1;
  wire takes = i_valid && i_ready, gives = o_valid && o_ready;
  always @* begin
    if (step) assume (known != 0);
    if (known == 7) assume (!o_ready);
  end
  reg [7:0] setting = 0;
  wire changes = {shift, choice} != setting;
  always @(posedge clk) begin
    setting <= rst ? 0 : {shift, choice};
    if (rst) begin
      {inside, known} <= 0;
      since <= DRAIN + 1;
      steady <= SETTLE + 1;
    end else begin
      inside <= inside + takes - gives;
      known <= known + gives - (step && last);
      since <= step ? 0 : since > DRAIN ? since : since + 1;
      steady <= changes ? 1 : steady > SETTLE ? steady : steady + 1;
    end
  end

  // A tile that is picked when it comes, and those before it.
  reg picked = 0;
  reg [2:0] before = 0;
  reg [TILE+7:0] tile;
  always @(posedge clk)
    if (rst) picked <= 0;
    else if (picked) begin
      before <= before - gives;
      if (gives && before == 0) picked <= 0;
    end else if (takes && pick) {picked, before, tile} <= {1'b1, inside - gives, i_payload};

  reg [3:0] waits = 0;
  always @(posedge clk) waits <= !rst && inside != 0 && known == 0 && !step && !o_valid ? waits + 1 : 0;
  always @* if (!rst) begin
    if (o_valid) assert (inside != 0);
    if (o_valid && picked && before == 0) begin
      assert (o_payload == {tile[TILE-1:0]});
      assert ({shift, choice} == {tile[TILE+7:TILE]});
    end
    if (changes) assert (known == 0 && since > DRAIN && !o_valid);
    if (steady < SETTLE) assert (!o_valid);
    assert (waits <= DRAIN + SETTLE + 2);
  end
  reg changed = 0;
  always @(posedge clk) begin
    changed <= !rst && (changed || (changes && step == 0));
    cover (changed && gives && known == 3 && !rst);
    cover (changed && step && last && known == 1 && inside != 0 && !rst);
  end
endmodule
