"""Models: small gray pictures in, their chroma out. This part knows no files but bundles, no photos and no HTTP."""
