# Out-of-context timing of a core alone, for Quartus, OpenSTA and others. Set the period in ns.
create_clock -name clk -period 5.000 [get_ports clk]
# The logic around the core has registers at its border: leave it half of a period each way.
set_input_delay -clock clk 2.500 [remove_from_collection [all_inputs] [get_ports clk]]
set_output_delay -clock clk 2.500 [all_outputs]
