"""What the demo shows: what was planted against what was found, tables, charts, and where to look next."""
