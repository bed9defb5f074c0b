"""Asking a model server, TensorFlow Serving or ours, over gRPC or REST. Python's users import it from `serve`.

Nothing here builds a graph. REST needs NumPy alone; gRPC needs grpcio and tensorflow-serving-api, imported when asked.
"""
