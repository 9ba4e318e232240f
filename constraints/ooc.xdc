# Out-of-context timing of a core alone, for Vivado. Set the period that you need, in ns.
create_clock -name clk -period 5.000 [get_ports clk]
# The logic around the core has registers at its border: leave it half of a period each way.
set_input_delay -clock clk 2.500 [get_ports -filter {NAME != clk && DIRECTION == IN}]
set_output_delay -clock clk 2.500 [get_ports -filter {DIRECTION == OUT}]
