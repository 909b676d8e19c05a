"""Checks: pure functions from evidence to findings, each naming the statements it holds a subject to.

A check reads only the record of a scenario. It says what it saw, not how grave it is: whether a broken statement is a
failure or a warning follows from the keyword in the catalogue (see `judging`).
"""
