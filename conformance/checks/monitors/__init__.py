"""Monitors: checks that watch every exchange of every scenario."""
