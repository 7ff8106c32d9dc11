"""The front end's types say what the server sends and takes: they are made of its description, and current."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from django.conf import settings

from annotator.api import api
from annotator.live.payloads import HintKind
from annotator.pages.management.commands.describe_wire import AmbiguousNameError, Description, describe_wire

FRONTEND = Path(settings.BASE_DIR) / "frontend"


def test_the_front_ends_types_are_current(tmp_path: Path) -> None:
    own_python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": own_python, "DATA_DIR": str(tmp_path)}
    check = ["npm", "run", "--silent", "wire", "--", "--check"]
    done = subprocess.run(check, cwd=FRONTEND, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make wire`\n{done.stdout}{done.stderr}"


def test_a_name_that_stands_for_two_types_is_refused() -> None:
    description = Description(api, "")
    some = next(iter(description.schemas))
    description.add_schema_definitions({some: description.schemas[some]})
    with pytest.raises(AmbiguousNameError, match=some):
        description.add_schema_definitions({some: {"type": "string"}})


def schemas_of_wire() -> Any:
    components: Any = describe_wire()["components"]
    return components["schemas"]


def test_hints_and_the_workspaces_configuration_are_described_beside_the_api() -> None:
    schemas = schemas_of_wire()
    assert schemas["Hint"]["properties"]["type"]["enum"] == list(get_args(HintKind))
    assert {"AnnotationOut", "ImageDetail", "WorkspaceConfig", "DecodeHead"} <= set(schemas)


def test_formats_of_exports_are_no_types_of_the_front_end() -> None:
    schemas = schemas_of_wire()
    assert "JobOut" in schemas
    assert not [name for name in schemas if "semantic_png" in str(schemas[name])]
