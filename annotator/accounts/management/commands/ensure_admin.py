"""Make sure that somebody can sign in as admin; the password is random, in the demo DEMO_PASSWORD if that is set."""

import os
import secrets
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from annotator.accounts.models import User


class Command(BaseCommand):
    """ensure_admin [--username NAME]: prints how to sign in, once, when it makes the account."""

    help = "Create the first admin with a random password (in the demo: or DEMO_PASSWORD) when there is no admin yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--username", default="admin")

    def handle(self, *args: object, username: str, **options: object) -> None:
        """Create or leave the admin; with DEMO_PASSWORD set its password is made to be that."""
        given = os.environ.get("DEMO_PASSWORD", "") if settings.DEMO else ""
        user = User.objects.filter(username=username).first()
        if user is None:
            password = given or secrets.token_urlsafe(12)
            User.objects.create_superuser(username=username, email="", password=password)
            self.stdout.write(f"sign in as {username} with password {password}")
        elif given and not user.check_password(given):
            user.set_password(given)
            user.save(update_fields=["password"])
            self.stdout.write(f"the password of {username} is now DEMO_PASSWORD")
        else:
            self.stdout.write(f"{username} exists")
