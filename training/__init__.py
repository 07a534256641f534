"""How ColorizeNet-Lite, the embedded colorizer, is trained, measured and exported."""
