"""Whether a worker on this machine takes photos, for a container's probe.

``python -m colorize_service.server.fleet.ready`` answers with its exit status. While the broker is away no worker does:
this is no question for whoever ends processes that hang.
"""

import socket
import sys

import redis

from colorize_service.server.settings import Settings, SettingsError

_WORKERS = "colorize:workers"  # names, with the times of the server until which they count
_SECONDS = 2


def main() -> int:
    """The exit status: 0 if one does, else 1, and a line on the standard error says why."""
    try:
        settings = Settings.load(app_check=False)
        if not settings.broker:
            raise SettingsError("BROKER_URL is missing.")
        with redis.Redis.from_url(
            settings.replies, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, decode_responses=True
        ) as board:
            seconds, microseconds = board.time()
            names = board.zrangebyscore(_WORKERS, seconds + microseconds / 1e6, "+inf")
    except (SettingsError, redis.RedisError) as error:
        print(error, file=sys.stderr)
        return 1
    host = socket.gethostname()
    if any(name.startswith(f"{host}-") for name in names):
        return 0
    print(f"No worker of {host} is ready; {len(names)} elsewhere.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
