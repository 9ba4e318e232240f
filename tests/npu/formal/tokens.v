// Tokens: none is lost, doubled, taken before it was given, or given beyond 15; a request succeeds
// just when all that it flags is there, or has room, and then counts once for each flag.

module harness (
    input clk, input rst, input [3:0] requests, input [3:0] offers,
    input [11:0] waits, input [11:0] signals
);
  wire [3:0] granted, accepted;
  tokens unit (
      .clk(clk), .rst(rst),
      .wait_load(waits[2:0]), .request_load(requests[0]), .granted_load(granted[0]),
      .signal_load(signals[2:0]), .give_load(offers[0]), .accepted_load(accepted[0]),
      .wait_matrix(waits[5:3]), .request_matrix(requests[1]), .granted_matrix(granted[1]),
      .signal_matrix(signals[5:3]), .give_matrix(offers[1]), .accepted_matrix(accepted[1]),
      .wait_vector(waits[8:6]), .request_vector(requests[2]), .granted_vector(granted[2]),
      .signal_vector(signals[8:6]), .give_vector(offers[2]), .accepted_vector(accepted[2]),
      .wait_store(waits[11:9]), .request_store(requests[3]), .granted_store(granted[3]),
      .signal_store(signals[11:9]), .give_store(offers[3]), .accepted_store(accepted[3])
  );
  // The same inside the unit, by giver and taker.
  (* keep *) wire [3:0] unit__load_to_matrix, unit__load_to_vector, unit__load_to_store,
      unit__matrix_to_load, unit__matrix_to_vector, unit__matrix_to_store,
      unit__vector_to_load, unit__vector_to_matrix, unit__vector_to_store,
      unit__store_to_load, unit__store_to_matrix, unit__store_to_vector;
  wire [63:0] inside = {
      4'd0, unit__store_to_vector, unit__store_to_matrix, unit__store_to_load,
      unit__vector_to_store, 4'd0, unit__vector_to_matrix, unit__vector_to_load,
      unit__matrix_to_store, unit__matrix_to_vector, 4'd0, unit__matrix_to_load,
      unit__load_to_store, unit__load_to_vector, unit__load_to_matrix, 4'd0
  };

  // Tokens from an engine to another, in more bits than they need, and not below zero.
  reg signed [6:0] count [0:15];
  integer n, giver, taker;
  initial for (n = 0; n < 16; n = n + 1) count[n] = 0;
  // The bit of engine b in a mask of engine a, which leaves itself out.
  `define BIT(mask, a, b) mask[3 * (a) + (b) - ((b) > (a))]
  reg [3:0] there, room;
  reg [15:0] gives, takes;
  always @* begin
    there = 4'b1111;
    room = 4'b1111;
    gives = 0;
    takes = 0;
    for (giver = 0; giver < 4; giver = giver + 1)
      for (taker = 0; taker < 4; taker = taker + 1)
        if (giver != taker) begin
          if (`BIT(waits, taker, giver) && count[4 * giver + taker] <= 0) there[taker] = 0;
          if (`BIT(signals, giver, taker) && count[4 * giver + taker] >= 15) room[giver] = 0;
          gives[4 * giver + taker] = accepted[giver] && `BIT(signals, giver, taker);
          takes[4 * giver + taker] = granted[taker] && `BIT(waits, taker, giver);
        end
  end
  always @(posedge clk)
    for (n = 0; n < 16; n = n + 1)
      count[n] <= rst ? 0 : count[n] + gives[n] - takes[n];
  always @* if (!rst) begin
    assert (granted == (requests & there));
    assert (accepted == (offers & room));
    for (n = 0; n < 16; n = n + 1) begin
      assert (count[n] >= 0 && count[n] <= 15);
      assert (count[n] == inside[4 * n +: 4]);
    end
  end
  always @(posedge clk) if (!rst) begin
    cover (count[1] == 15 && offers[0] && signals[0] && !accepted[0]);
    cover (gives[11] && takes[11] && count[11] == 3);
    cover (granted[2] && waits[8:6] == 7);
    cover (requests[3] && waits[11:9] == 7 && !granted[3] && count[3] != 0 && count[7] != 0);
  end
endmodule
