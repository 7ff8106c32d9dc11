"""Rules for passwords beside Django's own."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotator.accounts.models import User

SHORTEST_NAME = 3  # shorter names stand in many good passwords by chance


class NoUserNameValidator:
    """Refuse passwords that contain the user name, forwards or backwards."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for such a password."""
        name = (user.username if user else "").casefold()
        plain = password.casefold()
        if len(name) >= SHORTEST_NAME and (name in plain or name[::-1] in plain):
            raise ValidationError(self.get_help_text(), code="password_contains_user_name")

    def get_help_text(self) -> str:
        """Return the rule."""
        return _("The password must not contain the user name.")
