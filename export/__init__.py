"""Offline: a ColorizeNet checkpoint -> a bundle for the service. Needs torch; the service never does."""
