"""Programs of the network processor: their text, their file, their simulator and their checker."""
