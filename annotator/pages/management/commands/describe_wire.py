"""Describe all JSON between the server and the front end, for the front end's types (`npm run wire`)."""

import json
from typing import Any, Literal

from django.core.management.base import BaseCommand
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation
from pydantic import TypeAdapter

from annotator.api import api
from annotator.images.decode_api import DecodeHead
from annotator.json_types import JsonObject
from annotator.live.payloads import Hint, Ping, Pong, Watch
from annotator.pages.workspace_config import WorkspaceConfig

Kind = tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]
# Routers that only plain scripts of pages talk to: their options list the formats, and a new one is no new type here.
WITHOUT_TYPES = {"exports and imports"}
BESIDES_THE_API: tuple[Any, ...] = (Hint, Ping, Pong, Watch, DecodeHead, WorkspaceConfig)


class AmbiguousNameError(Exception):
    """Two different types have one name, and the description can hold only one of them."""


class Description(OpenAPISchema):
    """The API's OpenAPI description without some routers, in which each name stands for one type."""

    def methods(self, operations: list[Operation]) -> dict[str, Any]:
        """Describe the operations of one address, but for those of WITHOUT_TYPES."""
        typed = [operation for operation in operations if WITHOUT_TYPES.isdisjoint(operation.tags or ())]
        described: dict[str, Any] = super().methods(typed)
        return described

    def add_schema_definitions(self, definitions: JsonObject) -> None:
        """Add components; raise AmbiguousNameError for a name that stands for something else already."""
        for name, schema in definitions.items():
            if self.schemas.setdefault(name, schema) != schema:
                raise AmbiguousNameError(name)


def describe_wire() -> JsonObject:
    """Return an OpenAPI description of the components alone: of the API, the sockets and the workspace's page."""
    description = Description(api, "")
    kinds: list[Kind] = [(kind.__name__, "serialization", TypeAdapter(kind)) for kind in BESIDES_THE_API]
    _, definitions = TypeAdapter.json_schemas(kinds, ref_template=REF_TEMPLATE)
    description.add_schema_definitions(definitions["$defs"])
    components = {"schemas": _without_titles(dict(sorted(description.schemas.items())))}
    return {"openapi": description["openapi"], "info": description["info"], "paths": {}, "components": components}


def _without_titles(schema: object) -> object:
    """Return a schema without titles, which only say each name a second time."""
    if isinstance(schema, dict):
        kept = {name: part for name, part in schema.items() if name != "title" or not isinstance(part, str)}
        return {name: _without_titles(part) for name, part in kept.items()}
    return [_without_titles(part) for part in schema] if isinstance(schema, list) else schema


class Command(BaseCommand):
    """describe_wire: writes the description to stdout."""

    help = "Print an OpenAPI description of all JSON between the server and the front end."
    requires_system_checks = []

    def handle(self, *args: object, **options: object) -> None:
        """Print it."""
        self.stdout.write(json.dumps(describe_wire(), indent=1))
