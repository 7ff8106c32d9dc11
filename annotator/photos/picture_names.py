"""The name of a picture that is made of a photo's file: `{sha256}` or `{sha256}.{reading}`. Must not know: decoding."""

SHA256_LENGTH = 64
MAX_PICTURE_LENGTH = 120


def picture_name(sha256: str, reading: str) -> str:
    """Return the name of the picture that a reading makes of a file."""
    return f"{sha256}.{reading}" if reading else sha256


def split_picture(picture: str) -> tuple[str, str]:
    """Return the file's digest and the reading of a picture's name."""
    return picture[:SHA256_LENGTH], picture[SHA256_LENGTH + 1 :]
