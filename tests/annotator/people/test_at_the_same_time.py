"""Two people at the same moment: a link counts once, and the server keeps an admin.

On PostgreSQL, where transactions run side by side; SQLite's writers take turns.
"""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from annotator.accounts import account_links
from annotator.accounts.models import User
from annotator.accounts.people import follow_group, set_active, set_server_admin
from annotator.errors import AppError
from annotator.projects import links
from annotator.projects.models import Membership, Project, Role
from tests.annotator.test_postgresql import only_postgresql

pytestmark = [pytest.mark.django_db(transaction=True), only_postgresql]
TIMES = 5


def together(*calls: Callable[[], Any]) -> list[str]:
    """Run the calls at the same moment, each on a connection of its own; return how each ended."""
    gate, ends = threading.Barrier(len(calls)), ["" for _ in calls]

    def run(place: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            call()
            ends[place] = "done"
        except AppError as refusal:
            ends[place] = refusal.code
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(ends)


def make_admin(name: str) -> User:
    return User.objects.create_superuser(username=name, password=name)


@pytest.mark.parametrize("change", ["right", "deactivate", "group"])
def test_two_admins_who_end_each_other_leave_one(change: str) -> None:
    for number in range(TIMES):
        User.objects.all().delete()
        one, two = make_admin(f"one{number}"), make_admin(f"two{number}")
        ways: dict[str, Callable[[User, User], Any]] = {
            "right": lambda person, by: set_server_admin(person, False, by=by),
            "deactivate": lambda person, by: set_active(person, False, by=by),
            "group": lambda person, by: follow_group(person, False),
        }
        together(lambda: ways[change](two, one), lambda: ways[change](one, two))  # noqa: B023  (run at once)
        assert User.objects.filter(is_superuser=True, is_active=True).count() == 1


def test_an_invitation_makes_one_account() -> None:
    chief = make_admin("chief")
    for number in range(TIMES):
        _, secret = account_links.make_invite(chief)
        link, password = account_links.find_link(secret), "Correct-Horse-7"
        calls = [
            lambda name=f"{name}{number}": account_links.accept_invite(link, username=name, name="", password=password)  # noqa: B023
            for name in ("ann", "bob", "cyd")
        ]
        assert together(*calls) == ["done", "link_over", "link_over"]
        assert User.objects.filter(username__endswith=str(number)).count() == 1


def test_a_link_into_a_project_lets_one_person_in() -> None:
    chief = make_admin("chief")
    project = Project.objects.create(name="Street", created_by=chief)
    for number in range(TIMES):
        row, _ = links.make_link(project, chief, role=Role.ANNOTATOR)
        people = [User.objects.create_user(username=f"p{number}-{place}") for place in range(3)]
        ends = together(*[lambda user=user: links.join_project(row, user) for user in people])  # noqa: B023
        assert ends == ["done", "link_over", "link_over"]
        assert Membership.objects.filter(project=project, user__in=people).count() == 1
