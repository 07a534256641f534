"""Offline: from a ColorizeNet checkpoint to a bundle for the service. It needs torch; the service never does."""
