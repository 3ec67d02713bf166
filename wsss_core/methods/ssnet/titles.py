"""What tables and pages call this method's metrics files, networks and labels."""

TITLES = {
    "ssnet_round_1": "SSNet, step 1",
    "ssnet_pseudo_labels": "SSNet's labels, step 1",
    "ssnet": "SSNet",
}
