"""Search: random sequences of actions against a subject, shrunk to a minimal counterexample. Informs, never decides."""
