"""The live driver: many asyncio devices over real mutual TLS against any WFM of revision 1.0.0-rc.3."""
