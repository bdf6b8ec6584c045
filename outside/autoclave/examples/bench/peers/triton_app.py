"""Triton with ONNX Runtime behind it, by PyTriton, as its documentation shows."""

import os

import numpy
import onnxruntime
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
session = onnxruntime.InferenceSession(
    os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])


def infer(requests):
    return [{"probability": run(request["image"])} for request in requests]


def run(image):
    return session.run(None, {"image": image})[0]


port = int(os.environ["BENCH_PORT"])
config = TritonConfig(
    http_address="127.0.0.1", http_port=port, grpc_address="127.0.0.1", grpc_port=port + 1,
    allow_metrics=False)
with Triton(config=config) as triton:
    triton.bind(
        model_name="unet", infer_func=infer,
        inputs=[Tensor(name="image", dtype=numpy.float32, shape=(1, 3, 256, 256))],
        outputs=[Tensor(name="probability", dtype=numpy.float32, shape=(1, 1, 256, 256))],
        config=ModelConfig(batching=False))
    triton.serve()
