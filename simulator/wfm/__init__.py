"""The reference WFM: a desired-state core without I/O, a durable store, and three HTTP APIs around them."""
