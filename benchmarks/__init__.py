"""Measurements against named alternatives, all variants in one run; they print a table and judge nothing."""
