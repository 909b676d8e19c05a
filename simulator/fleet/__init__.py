"""Many devices at once: a described fleet, two engines for one model, and what came of it."""
