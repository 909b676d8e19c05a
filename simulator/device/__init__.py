"""The reference device: an agent core without I/O, simulated runtimes, durable state, and drivers around them."""
