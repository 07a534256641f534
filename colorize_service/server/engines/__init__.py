"""What colorizes the photos of requests: the protocol, and the engine of one process.

The engine of many machines is in :mod:`colorize_service.server.fleet`.
"""
