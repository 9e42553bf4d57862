"""Looking after dead letters: publishing them again, and showing them without what must not be seen."""
