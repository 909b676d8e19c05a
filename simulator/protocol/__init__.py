"""What goes over the wire, one module per document; no I/O and no state."""
