"""Fleets in simulated time: one description, one model, and two engines that give the same trace of it.

`description` and `reading`: what a user writes; `plan`: the same as arrays; `model`: how a device lives, compiled;
`compiled` and `simpy_engine`: who calls the model when; `results`: what is written.
"""
