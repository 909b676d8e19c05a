"""Renderers: each turns the event file of a run into one format."""
