"""Why a photo is refused."""


class PhotoRefusedError(Exception):
    """The file cannot be taken as a photo; `code` is stable, `message` is for the person who sent it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
