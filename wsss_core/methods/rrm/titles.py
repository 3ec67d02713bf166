"""What tables and pages call this method's metrics files, networks and labels."""

TITLES = {
    "rrm": "RRM",
    "rrm_pseudo_labels": "RRM's network, with tags",
    "rrm_two_step": "RRM, two steps",
}
