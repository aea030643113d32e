"""The columns of a flight: which files they come from, which are features, and which may never be."""

RAW_FILES = ("flights.csv", "weather.csv", "planes.csv", "airlines.csv", "airports.csv")
EVENT_ID = "event_id"
LABEL = "late"
LATE_MINUTES = 15
# Only known once the flight is under way: none of these may become a feature.
LEAKS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
MONTHS = {"train": (1, 2, 3, 4, 5, 6), "test": (7, 8), "heldout": (9, 10), "later": (11, 12)}
CATEGORIES = ("carrier", "origin", "dest")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
NUMBERS = (
    "departure_minute",  # scheduled, minutes after midnight, local time
    "arrival_minute",  # scheduled, minutes after midnight, local time at the destination
    "day_of_week",  # 0 is Monday
    "distance",  # miles
    "hour_departures",  # flights scheduled from the same airport in the same hour
    "seats",
    "plane_age",  # years
    *WEATHER,
)
