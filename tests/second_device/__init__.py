"""A device that shares no code with the reference: one file, the standard library and the openssl program."""
