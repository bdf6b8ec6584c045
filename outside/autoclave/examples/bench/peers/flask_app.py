"""What most people write first: Flask around ONNX Runtime, PNG in, PNG out.

The same preprocessing as the image route of the diagnosis enclave. Run as it is (Flask's
own server, threaded, connections kept), or by gunicorn as `flask_app:app`.
"""

import io
import os

import flask
import numpy
import onnxruntime
from PIL import Image
from werkzeug.serving import WSGIRequestHandler

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
session = onnxruntime.InferenceSession(
    os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
app = flask.Flask(__name__)


@app.post("/diagnose")
def diagnose():
    image = Image.open(io.BytesIO(flask.request.get_data())).convert("RGB").resize((256, 256))
    pixels = numpy.asarray(image, dtype=numpy.float32)
    mean, deviation = pixels.mean((0, 1)), numpy.maximum(pixels.std((0, 1)), 1e-3)
    tensor = ((pixels - mean) / deviation).transpose(2, 0, 1)[None]
    (answer,) = session.run(None, {"image": tensor})
    mask = Image.fromarray(((answer[0, 0] > 0.5) * 255).astype(numpy.uint8))
    out = io.BytesIO()
    mask.save(out, "PNG")
    return flask.Response(out.getvalue(), mimetype="image/png")


if __name__ == "__main__":
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    app.run("127.0.0.1", int(os.environ["BENCH_PORT"]), threaded=True)
