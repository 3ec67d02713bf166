"""What tables and pages call this method's metrics files, networks and labels."""

TITLES = {
    "auxsegnet": "AuxSegNet",
}
