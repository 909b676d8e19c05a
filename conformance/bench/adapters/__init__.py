"""Ways to the operator's side of a WFM: HTTP templates, a program, a Python class, a person. One module for each."""
