"""Measurements of the service on the machine they run on, each beside the floor that the work must cost."""
