"""The Prometheus client: asking, and reading the answer as a stream."""
