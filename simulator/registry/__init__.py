"""A component registry: the part of the OCI distribution specification that a device needs to pull components."""
