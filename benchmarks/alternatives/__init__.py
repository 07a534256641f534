"""What a user would build in an hour instead of Colorize: the same ONNX file behind FastAPI and behind LitServe."""
