"""What tables and pages call this method's metrics files, networks and labels."""

TITLES = {
    "corrected": "DeepLab on corrected labels",
    "corrected_pseudo_labels": "labels corrected by hand",
}
