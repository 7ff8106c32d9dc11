"""Where the product's own files lie: in a checkout beside the packages, in an installed package inside this one.

Standard library alone: the launcher reads it before anything is installed.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "installed"  # annotator/wheel.py puts `static` and `fixtures` there
IS_CHECKOUT = not INSTALLED.is_dir()
PRODUCT_DIR = PACKAGE.parent if IS_CHECKOUT else INSTALLED


def default_data_dir() -> Path:
    """Return DATA_DIR where nobody chose one: `data` in the checkout, the user's data folder for a package."""
    if IS_CHECKOUT:
        return PRODUCT_DIR / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "maskwright"
