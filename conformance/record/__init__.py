"""What a run leaves behind: events, the event file, and the arithmetic of verdicts."""
