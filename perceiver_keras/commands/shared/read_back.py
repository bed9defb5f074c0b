"""The answer of an exported model to its own first warm-up request, from a fresh process.

    python -m perceiver_keras.commands.shared.read_back FOLDER

Prints {"signature", "answer"} as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def read_back(folder: str) -> dict[str, Any]:
    """The answer of `serving_default`, with Hugging Face's keys."""
    import tensorflow as tf

    from perceiver_keras.serve import Servable
    from perceiver_keras.tasks import registry

    servable = Servable(folder)
    raw = {
        name: tf.make_ndarray(value)[:1] for name, value in _first_request(servable.folder).items()
    }
    outputs = servable.predict("serving_default", **raw)
    task = registry.get(servable.task["task"])
    return {
        "signature": "serving_default",
        "answer": task.asking.answers(outputs, servable.task["labels"], 3)[0],
    }


def _first_request(folder: str) -> dict[str, Any]:
    """The inputs of the first warm-up request of `serving_default`, as TensorProtos."""
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    path = f"{folder}/assets.extra/tf_serving_warmup_requests"
    for record in tf.compat.v1.io.tf_record_iterator(path):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        if request.model_spec.signature_name == "serving_default":
            return dict(request.inputs)
    raise LookupError(f"{path} has no request of serving_default")


if __name__ == "__main__":
    from perceiver_keras.cli import quiet_imports

    quiet_imports(debug=False)
    print(json.dumps(read_back(sys.argv[1]), ensure_ascii=False))
