"""Replay: history through the same pipeline, as a run of its own."""
