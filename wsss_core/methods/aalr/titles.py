"""What tables and pages call this method's metrics files, networks and labels."""

TITLES = {
    "aalr": "AA&LR",
}
