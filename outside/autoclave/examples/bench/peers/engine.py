"""Python's ONNX Runtime alone in a process, driven by lines as `bench_engine` is.

    python engine.py THREADS MODEL
"""

import sys
import time

import numpy
import onnxruntime

threads, model = int(sys.argv[1]), sys.argv[2]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
image = numpy.random.default_rng(0).uniform(-2, 2, (1, 3, 256, 256)).astype(numpy.float32)
print(f"ready Python {sys.version.split()[0]}, onnxruntime {onnxruntime.__version__}", flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line.split()[1])):
        began = time.perf_counter()
        session.run(None, {"image": image})
        times.append(f"{(time.perf_counter() - began) * 1e3:.4f}")
    print(" ".join(times), flush=True)
