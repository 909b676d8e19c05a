"""Sample application packages: what an application supplier ships, as the scenarios and the demo use it."""
