"""AA&LR (Zhang et al., ACM MM 2021; docs/aalr.md)."""
