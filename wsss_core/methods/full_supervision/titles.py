"""What tables and pages call this method's metrics files, networks and labels."""

TITLES = {
    "full_supervision": "full supervision (true masks)",
}
