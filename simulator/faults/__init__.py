"""Faults between the two seats: seeded plans, an intercepting layer in HTTP, and a TCP link that can be cut."""
