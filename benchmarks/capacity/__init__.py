"""How many of each part a fleet needs, and what its clients see in a burst: measured, computed and simulated."""
