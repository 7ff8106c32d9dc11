"""Forms about accounts: those of server admins, and those behind a link. They check what was typed; services decide."""

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotator.accounts.account_links import INVITE_DAYS
from annotator.accounts.models import User

STATE_CHOICES = [
    ("", gettext_lazy("Everybody")),
    ("active", gettext_lazy("Active")),
    ("deactivated", gettext_lazy("Deactivated")),
    ("admins", gettext_lazy("Server admins")),
]
OFF = {"autocomplete": "off"}


def _name_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


def _user_name_field() -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"})
    hint = gettext_lazy("For signing in: letters, digits and @ . + - _")
    return forms.CharField(label=gettext_lazy("User name"), max_length=150, widget=widget, help_text=hint)


class PersonSettingsForm(forms.Form):
    """What a person is called, and where mail goes."""

    name = _name_field()
    email = forms.EmailField(
        label=gettext_lazy("Mail"), required=False, max_length=254, widget=forms.EmailInput(attrs=OFF)
    )

    @classmethod
    def of(cls, person: User) -> "PersonSettingsForm":
        """Return the form filled with a person."""
        return cls(initial={"name": person.get_full_name(), "email": person.email})


class PersonForm(PersonSettingsForm):
    """A new account."""

    username = _user_name_field()
    field_order = ["username", "name", "email"]


class InviteForm(forms.Form):
    """For whom an invitation is, and how long it works."""

    note = forms.CharField(
        label=gettext_lazy("For whom"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs=OFF),
        help_text=gettext_lazy("Only server admins see this."),
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Works for"),
        coerce=int,
        initial=INVITE_DAYS,
        choices=[(1, gettext_lazy("1 day")), (7, gettext_lazy("7 days")), (30, gettext_lazy("30 days"))],
    )


class PasswordForm(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html,
    )
    again = forms.CharField(
        label=gettext_lazy("Password, once more"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        """Refuse two different passwords."""
        again = str(self.cleaned_data["again"])
        if again != self.cleaned_data.get("password", again):
            raise forms.ValidationError(_("The two passwords differ."))
        return again


class JoinForm(PasswordForm):
    """The account that an invited person makes."""

    username = _user_name_field()
    name = _name_field()
    field_order = ["username", "name", "password", "again"]
