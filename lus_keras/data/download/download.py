"""One file over the network, tried again where trying again may help."""

import time
from pathlib import Path

from lus_keras.data.download.sources import Remote

TRIES = 3
PAUSE_S = 1.0
TIMEOUT_S = 30.0


class Unavailable(Exception):
    """A file could not be downloaded; `answered` states whether a server responded."""

    def __init__(self, message: str, *, answered: bool):
        super().__init__(message)
        self.answered = answered


def download_file(remote: Remote, staging: Path) -> None:
    """Downloads with pooch, which keeps only files with the expected hash.

    Args:
        staging: Folder to download to; the file's name there is its hash.

    Raises:
        Unavailable: The server does not respond, the transfer is interrupted, or the content
            differs.
    """
    import pooch
    from requests import exceptions

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S)
    for tried in range(1, TRIES + 1):
        try:
            pooch.retrieve(
                remote.url, f"sha256:{remote.sha256}", remote.sha256, staging, downloader=downloader
            )
            return
        except exceptions.RequestException as error:
            broke_off = isinstance(error, exceptions.ChunkedEncodingError)
            unreachable = isinstance(error, exceptions.ConnectionError | exceptions.Timeout)
            if not broke_off and not unreachable:
                raise Unavailable(f"{remote.url}: {error}.", answered=True) from error
            if tried == TRIES:
                cause = "no answer" if unreachable else "the transfer was interrupted"
                message = f"{remote.url}: {cause}, {TRIES} times."
                raise Unavailable(message, answered=broke_off) from error
            time.sleep(PAUSE_S * tried)
        except ValueError as error:
            raise Unavailable(
                f"{remote.url}: the downloaded bytes have a different sha256 and were discarded.",
                answered=True,
            ) from error
