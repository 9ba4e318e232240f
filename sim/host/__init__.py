"""Host software: words in memory and on a bus, serial lines, boards."""
