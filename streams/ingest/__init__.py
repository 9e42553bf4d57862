"""Recorded files → `document.v1` records in event-time order: `sentiwatch ingest file`."""
