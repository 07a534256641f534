"""The HTTP service around the core: tokens, forms, turns, storage, links."""
