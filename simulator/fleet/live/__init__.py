"""The live driver: many asyncio devices over real TLS against any WFM of 1.0.0-rc.3 or 1.0.0-rc.2-signed."""
