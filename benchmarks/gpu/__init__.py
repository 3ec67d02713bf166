"""One prepared check for a GPU: `make gpu`, or `make gpu REHEARSE=1` on a CPU (docs/benchmarks.md)."""
