"""What comes with a core behind a bus: headers, drivers, scripts of tools, constraints, boards."""
