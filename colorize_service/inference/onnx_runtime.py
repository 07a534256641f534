"""ONNX Runtime, as every module here imports it."""

import os

# Before it is imported: else it reports its use to its makers, keeps a database in the user's home, and has threads in
# the server before the workers are forked, at whose end they abort.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["ort"]
