"""S2's API description, without its prose: its operations, values that follow its schemas, and which values do.

A schema here uses a dozen keywords of JSON Schema. The file is older than the SDKs, whose differences are at the top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from fencepost.harness.s2.limits import U64_MAX

Schema: TypeAlias = Mapping[str, Any]
Values: TypeAlias = st.SearchStrategy[Any]

_FILE: Final = json.loads(Path(__file__).with_name("s2-openapi.json").read_text())
_SCHEMAS: Final = _FILE["components"]["schemas"]
# What the file says of a location, by its older name. The server has one of them.
_SCHEMAS["BasinScope"]["enum"] = ["aws:us-east-1"]
for _request in ("CreateBasinRequest", "EnsureBasinRequest"):
    _SCHEMAS[_request]["properties"]["location"] = {"$ref": "#/components/schemas/BasinScope"}
_LOCATION: Final = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def _json(schema: Schema, **more: object) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}, **more}


_FILE["paths"] |= {
    "/locations": {
        "get": {"operationId": "list_locations", "responses": {200: _json({"type": "array", "items": _LOCATION})}}
    },
    "/locations/default": {
        "get": {"operationId": "get_default_location", "responses": {200: _json(_LOCATION)}},
        "put": {
            "operationId": "set_default_location",
            "requestBody": _json({"$ref": "#/components/schemas/BasinScope"}, required=True),
            "responses": {200: _json(_LOCATION)},
        },
    },
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation, in its ``path``, its ``query`` or its ``header``."""

    name: str
    place: str
    schema: Schema


@dataclass(frozen=True)
class Described:
    """One operation. ``answers`` has the schema of the JSON of every documented status, or None if it has no body."""

    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Schema | None
    needs_body: bool
    answers: Mapping[int, Schema | None]

    def at(self, place: str) -> list[Parameter]:
        """The parameters there."""
        return [parameter for parameter in self.parameters if parameter.place == place]


def _described(method: str, path: str, found: Any) -> Described:
    body = found.get("requestBody", {})
    return Described(
        found["operationId"],
        method.upper(),
        "/v1" + path,
        tuple(Parameter(row["name"], row["in"], row["schema"]) for row in found.get("parameters", ())),
        _schema(body),
        body.get("required", False),
        {int(status): _schema(answer) for status, answer in found["responses"].items()},
    )


def _schema(content: Any) -> Schema | None:
    found = content.get("content", {}).get("application/json")
    return None if found is None else found["schema"]


OPERATIONS: Final = tuple(
    _described(method, path, found) for path, methods in _FILE["paths"].items() for method, found in methods.items()
)


def resolved(schema: Schema) -> Schema:
    """The schema itself, for a reference to it."""
    while "$ref" in schema:
        schema = _SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


BASIN_NAMES: Final = st.from_regex(r"[a-z0-9][a-z0-9-]{6,46}[a-z0-9]", fullmatch=True)
STREAM_NAMES: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128).filter(
    lambda name: name not in (".", "..")
)
TOKEN_IDS: Final = st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True)
_BY_NAME: Final[Mapping[str, Values]] = {
    "BasinNameStr": BASIN_NAMES,
    "StreamNameStr": STREAM_NAMES,
    "AccessTokenIdStr": TOKEN_IDS,
    "u64": st.one_of(st.integers(0, 3), st.integers(0, U64_MAX)),
}
"""Where the prose has more rules than the schema."""


def values(schema: Schema) -> Values:
    """Values that follow a schema."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in _BY_NAME:
        return _BY_NAME[name]
    schema = resolved(schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema:
        return st.one_of(map(values, schema["oneOf"]))
    kinds = schema["type"]
    return st.one_of(_of_type(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _of_type(kind: str, schema: Schema) -> Values:
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), schema.get("maximum", (1 << 31) - 1))
        case "string":
            if schema.get("format") == "date-time":
                return st.integers(2100, 2200).map(lambda year: f"{year}-01-01T00:00:00Z")
            # Lengths in the prose are in bytes.
            most = min(12, schema.get("maxLength", 12))
            return st.text(st.characters(codec="ascii"), min_size=schema.get("minLength", 0), max_size=most)
        case "array":
            least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
            return st.lists(values(schema["items"]), min_size=least, max_size=most)
        case "object":
            rows = {name: values(found) for name, found in schema.get("properties", {}).items()}
            needed = schema.get("required", ())
            return st.fixed_dictionaries(
                {name: rows[name] for name in needed},
                optional={name: found for name, found in rows.items() if name not in needed},
            )
    raise ValueError(kind)


_TYPES: Final = {"null": type(None), "boolean": bool, "string": str, "array": list, "object": dict}


def follows(schema: Schema, value: Any, *, strict: bool) -> bool:
    """Whether a value follows a schema. If ``strict``, it may have no fields that the schema does not name."""
    schema = resolved(schema)
    if "oneOf" in schema:
        return sum(follows(one, value, strict=strict) for one in schema["oneOf"]) == 1
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(_is_of_type(kind, value) for kind in kinds) or value not in schema.get("enum", [value]):
        return False
    match value:
        case str():
            form_fits = schema.get("format") != "date-time" or _is_time(value)
            return form_fits and re.search(schema.get("pattern", ""), value) is not None and _fits(schema, len(value))
        case int() if not isinstance(value, bool):
            return bool(schema.get("minimum", value) <= value <= schema.get("maximum", U64_MAX))
        case list():
            fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
            return fits and all(follows(schema["items"], one, strict=strict) for one in value)
        case dict():
            rows = schema.get("properties", {})
            return (
                set(schema.get("required", ())) <= value.keys()
                and (not strict or value.keys() <= rows.keys())
                and all(follows(rows[name], one, strict=strict) for name, one in value.items() if name in rows)
            )
    return True


def _fits(schema: Schema, length: int) -> bool:
    return bool(schema.get("minLength", 0) <= length <= schema.get("maxLength", length))


def _is_of_type(kind: str, value: Any) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, (int, float) if kind == "number" else int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
