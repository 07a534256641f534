"""Which store of pictures the settings ask for."""

from colorize_service.server.settings import Settings, SettingsError
from colorize_service.server.storage.folder import FolderStorage
from colorize_service.server.storage.store import Storage


def open_storage(settings: Settings) -> Storage:
    """The store of the settings. A bucket is not asked yet; what it needs is imported here and not before.

    Raises:
        SettingsError: if it cannot be used.
    """
    if settings.storage_url is not None:
        return _bucket(settings.storage_url, settings.lifetime)
    try:
        return FolderStorage(settings.storage_dir, settings.storage_min_free, settings.storage_quota, settings.lifetime)
    except OSError as error:
        raise SettingsError(f"STORAGE_DIR={settings.storage_dir}: {error.filename}: {error.strerror}.") from error


def _bucket(url: str, lifetime: float | None) -> Storage:
    try:
        from colorize_service.server.storage.bucket import BucketStorage
    except ImportError as error:
        raise SettingsError(
            "STORAGE_URL: a bucket needs packages that the service alone does not; in the project's folder: "
            "pip install '.[server,fleet]'"
        ) from error
    try:
        return BucketStorage(url, lifetime)
    except ValueError as error:
        raise SettingsError(f"STORAGE_URL: {error}.") from None
