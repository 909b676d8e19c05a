"""Known departures of subjects from the text, and how the suite gets past each of them without hiding it."""
