"""A made-up cluster, as its exporters show it to Prometheus, and a demonstration with it."""
