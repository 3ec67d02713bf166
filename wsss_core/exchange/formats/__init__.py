"""A file a format: its name with - for _ is what `--to` and `--from` call it."""
