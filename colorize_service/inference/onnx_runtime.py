"""ONNX Runtime. Every module imports it from here."""

import os

# Set before the import. Otherwise ONNX Runtime reports its use to its makers, keeps a database in the user's home, and
# starts threads in the server before it forks its workers, which then abort when they end.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["ort"]
