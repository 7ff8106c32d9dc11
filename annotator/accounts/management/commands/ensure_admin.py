"""Make sure that somebody can sign in as admin; the password is random or DEMO_PASSWORD, never a fixed one."""

import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from annotator.accounts.models import User


class Command(BaseCommand):
    """ensure_admin [--username NAME]: prints how to sign in, once, when it makes the account."""

    help = "Create the first admin with a random password (or DEMO_PASSWORD) when there is no admin yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--username", default="admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or leave the admin; with DEMO_PASSWORD set its password is made to be that."""
        name = options["username"]
        given = os.environ.get("DEMO_PASSWORD", "")
        user = User.objects.filter(username=name).first()
        if user is None:
            password = given or secrets.token_urlsafe(12)
            User.objects.create_superuser(username=name, email="", password=password)
            self.stdout.write(f"sign in as {name} with password {password}")
        elif given and not user.check_password(given):
            user.set_password(given)
            user.save(update_fields=["password"])
            self.stdout.write(f"the password of {name} is now DEMO_PASSWORD")
        else:
            self.stdout.write(f"{name} exists")
