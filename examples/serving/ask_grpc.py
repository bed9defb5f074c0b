"""Asks a served classifier about pictures, over gRPC, with tensorflow-serving-api alone.

pip install tensorflow-serving-api
python ask_grpc.py localhost:8500 digits picture.png ...
"""

import sys

import grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

STRING = 7  # DT_STRING


def main(address: str, model: str, *pictures: str) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    tensor = request.inputs["image_bytes"]
    tensor.dtype = STRING
    tensor.tensor_shape.dim.add(size=len(pictures))
    for picture in pictures:
        with open(picture, "rb") as file:
            tensor.string_val.append(file.read())

    no_limit = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, no_limit) as channel:
        server = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        reply = server.Predict(request, timeout=30)

    labels = reply.outputs["label"].string_val
    scores = reply.outputs["probabilities"].float_val  # [pictures, classes], row by row
    classes = len(scores) // len(pictures)
    for row, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        best = max(scores[row * classes : (row + 1) * classes])
        print(f"{picture}\t{label.decode()} {best:.1%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
