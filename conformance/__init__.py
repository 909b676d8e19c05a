"""The conformance suite: catalogue, bench, checks and verdicts."""
