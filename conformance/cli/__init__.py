"""The command line `margo-conformance`: one file per verb; what is heavy is imported when a verb needs it."""
