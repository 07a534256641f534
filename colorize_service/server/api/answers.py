"""The bodies that more than one view answers with."""

from colorize_service.server.api.forms import link
from colorize_service.server.api.schemas import Colorized


def colorized(result_id: str) -> Colorized:
    """What a client is told of a result."""
    filename = f"{result_id}.jpg"
    return Colorized(
        success=True,
        result_id=result_id,
        download_url=link(f"results/{filename}"),
        api_download_url=link(f"download/{result_id}"),
        filename=filename,
    )
