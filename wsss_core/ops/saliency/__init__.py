"""Which pixels stand out: weight-free detectors, and what is done with saliency maps of any origin."""
