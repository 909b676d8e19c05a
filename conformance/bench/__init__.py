"""The rig: two seats, everything between them recorded, and the run that moves scenarios through it."""
