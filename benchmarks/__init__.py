"""One module a claim of speed; `python -m benchmarks` (`make bench`) runs them all."""
