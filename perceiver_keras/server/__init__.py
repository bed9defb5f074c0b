"""A server of SavedModels that speaks TensorFlow Serving's two protocols, for machines without TensorFlow Serving.

It runs in a process of its own, with TensorFlow and the exports and no other code of this project:
`python -m perceiver_keras.server.run` takes the flags of tensorflow_model_server. `perceiver serve` writes their files.
"""
