"""The Gherkin vocabulary. A step is at most ten lines and calls the bench or a check; one sentence has one step."""
