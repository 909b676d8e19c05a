"""OpenAPI 3.1 from the route table and the models, so that the description cannot differ from the routes."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from simulator.protocol.problem import PROBLEM_MEDIA_TYPE, Problem
from simulator.wfm.operator_http import Route

_REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)\}")


def openapi(routes: Sequence[Route], title: str) -> dict[str, Any]:
    """The description of an API."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    models: list[type[BaseModel]] = [Problem]
    for route in routes:
        models += [model for model in (route.request, route.response) if isinstance(model, type)]
    # one mode for all: what is read and what is written never share a model
    _, schemas = models_json_schema([(model, "validation") for model in dict.fromkeys(models)], ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            str(route.status): _response(route),
            "default": {
                "description": "What is wrong, as a problem document",
                "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
            },
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    parameters += [
        {
            "name": query.name,
            "in": "query",
            "required": query.required,
            "description": query.description,
            "schema": {"type": "string"},
        }
        for query in route.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.request is not None:
        operation["requestBody"] = {"required": True, "content": _body(route.request)}
    return operation


def _response(route: Route) -> dict[str, Any]:
    if route.response is None:
        return {"description": "Done"}
    return {"description": "Done", "content": _body(route.response)}


def _body(body: type[BaseModel] | str) -> dict[str, Any]:
    if isinstance(body, str):
        return {body: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": {"$ref": _REF.format(model=body.__name__)}}}
