"""Ways into the console: one-time links, passwords, and what happens when somebody comes or goes."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import user_signed_up
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from console.gateway import notices
from console.models import LoginLink, Project, Role, User
from console.selectors.organization import organization_id
from console.services import projects
from console.services.audit import About, Actor, record
from console.services.errors import InvalidArgument

LINK_LIFETIME = timedelta(minutes=15)
#: Scaleway's own name for it, which their Terraform provider looks for.
DEFAULT_PROJECT = "default"


def ensure_administrator(email: str) -> User:
    """The administrator, with a project of its own; made without a password where nobody is administrator yet."""
    administrator = (
        User.objects.filter(is_admin=True, is_active=True).order_by("date_joined").first()
    )
    return administrator or create_user(email=email, is_admin=True)


@transaction.atomic
def create_user(*, email: str, is_admin: bool = False) -> User:
    """A user who gets in by a link, and sets a password then."""
    user = User.objects.create_user(email, is_admin=is_admin)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    record(Actor(), "user.created", f"{user.email} was created.", About(target=user.email))
    ensure_project(user)
    return user


def ensure_project(user: User) -> Project:
    """The user's oldest project that it may write to; made when there is none.

    The first of all has the organization's id, as at Scaleway: their clients take the one for the other.
    """
    writes = Project.objects.filter(
        memberships__user=user, memberships__role__in=(Role.OWNER, Role.EDITOR)
    )
    if found := writes.order_by("created_at").first():
        return found
    first = None if Project.objects.exists() else organization_id()
    actor = Actor.person(user)
    return projects.create(actor=actor, name=DEFAULT_PROJECT, owner=user, project_id=first)


@transaction.atomic
def create_link(*, user: User) -> str:
    """A URL that signs ``user`` in once. The token is in the fragment, which browsers send to nobody."""
    now = timezone.now()
    LoginLink.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    token = secrets.token_urlsafe(32)
    LoginLink.objects.create(token_hash=_hash(token), user=user, expires_at=now + LINK_LIFETIME)
    record(
        Actor(),
        "link.created",
        f"A sign-in link for {user.email} was made.",
        About(target=user.email),
    )
    return f"{settings.CONSOLE_URL}/sign-in#token={token}"


@transaction.atomic
def use_link(*, token: str, address: str) -> User:
    """Whom the link signs in. Raises InvalidArgument alike for a used, an expired and an unknown one."""
    now = timezone.now()
    links = LoginLink.objects.filter(token_hash=_hash(token), user__is_active=True)
    # One statement takes it: of two requests at once, one changes a row and the other none.
    if not links.filter(used_at=None, expires_at__gt=now).update(used_at=now):
        raise InvalidArgument(
            "token",
            "This link was used already or is too old: ask for a new one (manage.py login_link).",
        )
    user = links.get().user
    about = About(target=user.email)
    record(Actor.person(user, address), "link.used", f"{user.email} signed in by link.", about)
    return user


@transaction.atomic
def set_password(*, user: User, new_password: str, current_password: str, address: str) -> None:
    """The first password needs no current one; a change does. Other sessions of the user end by it."""
    if user.has_usable_password() and not user.check_password(current_password):
        raise InvalidArgument("current_password", "This isn't the current password.")
    try:
        validate_password(new_password, user)
    except ValidationError as error:
        raise InvalidArgument("new_password", " ".join(error.messages)) from None
    user.set_password(new_password)
    user.save(update_fields=["password"])
    about = About(target=user.email)
    record(Actor.person(user, address), "user.password", f"{user.email} set a password.", about)
    transaction.on_commit(lambda: notices.access_changed(user.pk))


def listen() -> None:
    """Connects what must happen whichever way somebody signs up, in or out."""
    user_signed_up.connect(_on_sign_up, dispatch_uid="console.sign_up")
    user_logged_in.connect(_on_sign_in, dispatch_uid="console.sign_in")
    user_logged_out.connect(_on_sign_out, dispatch_uid="console.sign_out")


def _on_sign_up(user: User, **_: Any) -> None:
    ensure_project(user)


def _on_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    actor = Actor.person(user, str(request.META.get("REMOTE_ADDR", "")))
    record(actor, "user.signed_in", f"{user.email} signed in.", About(target=user.email))


def _on_sign_out(request: HttpRequest, **_: Any) -> None:
    if key := request.session.session_key:
        transaction.on_commit(lambda: notices.signed_out(key))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
