"""The simulated world: reference WFM, simulated devices, identities and faults."""
