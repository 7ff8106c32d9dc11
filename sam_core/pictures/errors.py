"""Why a picture is refused."""

from sam_core.errors import InvalidImageError


class PictureRefusedError(InvalidImageError):
    """The file cannot be taken as a picture; `code` is stable, the message is for the person who sent it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
