"""Pictures whose time is over are deleted: `colorize clean`, for a timer."""

import time
from dataclasses import dataclass

from colorize_service.server.settings import Settings, SettingsError
from colorize_service.server.storage.store import PRIVATE, PUBLIC, Storage, StoreUnavailable
from colorize_service.server.stores import open_storage

#: Seconds after which a photo on its way to a worker counts as left behind: longer than any waits.
INBOX_LIFETIME = 24 * 3600


class CannotClean(Exception):
    """The store cannot be used; ``str()`` says for an operator why."""


@dataclass
class Cleaned:
    """What was deleted of a collection, or would be: files and their bytes."""

    files: int = 0
    size: int = 0


def clean(storage: Storage, lifetime: float | None, dry_run: bool = False) -> dict[str, Cleaned]:
    """Delete what is older than it may be. May run at any time, also several times at once.

    Args:
        lifetime: of pictures, in seconds; None: for ever.
        dry_run: delete nothing, and find out what would be.

    Returns:
        What it came to, by collection.

    Raises:
        StoreUnavailable, OSError: if the store fails; what was deleted before stays so.
    """
    cleaned = {collection: Cleaned() for collection in (*PUBLIC, *PRIVATE)}
    for collection, sums in cleaned.items():
        longest = INBOX_LIFETIME if collection == "inbox" else lifetime
        if longest is None:
            continue
        before = time.time() - longest
        for found in storage.files(collection):
            if found.modified <= before:
                if not dry_run:
                    storage.delete(collection, found.file_id)
                sums.files += 1
                sums.size += found.size
    return cleaned


def clean_store(dry_run: bool) -> dict[str, Cleaned]:
    """:func:`clean` the store that the environment names.

    Raises:
        CannotClean
    """
    try:
        settings = Settings.load(app_check=False)  # whom the service serves is nothing to this
        return clean(open_storage(settings), settings.lifetime, dry_run)
    except SettingsError as error:
        raise CannotClean(str(error)) from None
    except StoreUnavailable as error:
        raise CannotClean(f"The store of pictures is not available: {error}.") from None
    except OSError as error:
        raise CannotClean(f"{error.filename}: {error.strerror}.") from error
