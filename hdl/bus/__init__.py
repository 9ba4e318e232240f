"""Around a core: AXI4-Stream, AXI4-Lite registers, AXI4 DMA, a serial link, and whole tops."""
