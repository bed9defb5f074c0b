"""Metrics that Keras lacks. All of them read columns: a row of numbers per example that can be added up anywhere."""
