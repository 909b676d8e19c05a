"""Scenarios and sample applications: the document that a vendor reads."""
