"""The device suite against the reference device, against every broken one, and against a device that is external."""
