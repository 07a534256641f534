"""Many API processes and many workers: photos wait in a line on a broker, and lie in the store.

It is imported where ``BROKER_URL`` is set, and by ``colorize worker``; see docs/fleet.md.
"""
