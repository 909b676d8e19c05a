"""Hooks: how the bench does to a real device what no WFM and no network can do to it, such as rebooting it."""
