// Eie: a job that fills memories takes as many words as it says, however many; meanwhile there is
// no other job and nothing else is taken, and the next job may come right behind the last word.

module harness #(parameter JOB = 40, LOAD = 8, ACT = 2, FILL = 24) (
    input clk, input rst, input [LOAD-1:0] load_payload, input load_valid,
    input [JOB-1:0] jobs_payload, input jobs_valid, input [ACT-1:0] acts_payload, input acts_valid,
    input results_ready
);
  wire load_ready, jobs_ready, acts_ready, results_valid;
  wire [ACT-1:0] results_payload;
  eie unit (
      .clk(clk), .rst(rst),
      .load_payload(load_payload), .load_valid(load_valid), .load_ready(load_ready),
      .jobs_payload(jobs_payload), .jobs_valid(jobs_valid), .jobs_ready(jobs_ready),
      .acts_payload(acts_payload), .acts_valid(acts_valid), .acts_ready(acts_ready),
      .results_payload(results_payload), .results_valid(results_valid),
      .results_ready(results_ready)
  );
  wire [JOB-1:0] unit__job;

  // Words that the job has yet to take.
  reg [FILL-1:0] owed = 0;
  reg ended = 0;
  wire takes = load_valid && load_ready;
  always @(posedge clk)
    if (rst) {owed, ended} <= 0;
    else begin
      if (jobs_valid && jobs_ready) owed <= jobs_payload[0 +: FILL];
      else owed <= owed - takes;
      ended <= takes && owed == 1;
    end
  always @* if (!rst) begin
    assert (load_ready == (owed != 0));
    if (owed != 0) assert (!jobs_ready && !acts_ready && unit__job[0 +: FILL] == owed);
    if (ended) assert (jobs_ready);
  end
  always @(posedge clk) if (!rst) begin
    cover (ended && jobs_valid && jobs_payload[0 +: FILL] == 0);
    cover (owed[FILL-1] && takes && !owed[0]);
  end
endmodule
