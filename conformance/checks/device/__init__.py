"""Checks of a device: what it says, what it asks for and what is left, against what it was given."""
