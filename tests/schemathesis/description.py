"""Whether the description of the routes is neither wider nor narrower than the bodies that the server prints.

    description.py OPENAPI_JSON

The examples in it are bodies as the server prints them: a test of the generator compares the file with what the code makes.
"""

import copy
import json
import sys

import jsonschema_rs

# Values of a member that a server may print, and values that it never prints.
RIGHT = {
    "udp_port": [1, 65_535],
    "pulse_interval": [0.001, 0.5, 30],
    "pulse_grace": [0, 0.1, 1],
    "error_time": [0.001, 0.9, 180],
    "host": ["192.0.2.1", "2001:db8::1", "::1"],
    "port": [1, 65_535],
    "last_online": [0, 1_767_225_600],
}
WRONG = {
    "client_id": ["00", "A" * 32, 7, "0" * 33],
    "private_id": ["0" * 63, "F" * 64, None],
    "timestamp": ["1", -1, 1.5, None],
    "udp_port": [0, 65_536, "5024"],
    "pulse_interval": [0, "30s", -1],
    "pulse_grace": [-0.5, None],
    "error_time": [0, "180"],
    "host": ["localhost", "192.0.2.256", "2001:db8::g", ""],
    "port": [0, 65_536, "1"],
    "last_online": [-1, 0.5, "1"],
    "type": ["https://example.org/problem"],
    "title": [1],
    "detail": [None],
    "code": ["no_such_code", 404],
}

with open(sys.argv[1]) as file:
    document = json.load(file)


def followed(value):
    """What a reference within the document leads to."""
    while "$ref" in value:
        found = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def validator(schema, closed=False):
    """A judge of bodies; a closed one takes no member that is not described."""
    schema = {**schema, "components": document["components"]}
    if closed:
        schema["unevaluatedProperties"] = False
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def examples():
    """The examples of each answer: where it is, its schema, the name of the example, the body."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                for content in followed(response).get("content", {}).values():
                    for name, example in content.get("examples", {}).items():
                        where = f"{method.upper()} {path} {status} {name}"
                        yield where, content["schema"], name, followed(example)["value"]


failures = []


def want(met, what):
    if not met:
        failures.append(what)


seen = set()
members_seen = set()
for where, schema, name, body in examples():
    seen.add(name)
    judge = validator(schema)
    want(judge.is_valid(body), f"{where} is not as described: {body}")
    want(validator(schema, closed=True).is_valid(body), f"{where} has a member that is not described: {body}")
    for member in body:
        members_seen.add(member)
        less = copy.copy(body)
        del less[member]
        want(not judge.is_valid(less), f"{where} need not have {member}")
        if member == "status":
            right, wrong = [], [200, "404"] if isinstance(body[member], int) else ["OFFLINE", "online", None]
        elif member == "ok":
            right, wrong = [], [not body[member], str(body[member]).lower()]
        else:
            right, wrong = RIGHT.get(member, []), WRONG.get(member, [])
            want(wrong, f"{where}: no wrong values of {member} are known here")
        for value in right:
            want(judge.is_valid({**body, member: value}), f"{where} may not have {member} = {value!r}")
        for value in wrong:
            want(not judge.is_valid({**body, member: value}), f"{where} may have {member} = {value!r}")

# That a method is not allowed is no answer to a method that is described.
unseen = set(document["components"]["examples"]) - seen - {"method_not_allowed"}
want(not unseen, f"no answer has the examples {unseen}")
want(set(WRONG) <= members_seen, f"no body has the members {set(WRONG) - members_seen}")
if failures:
    sys.exit("\n".join(failures))
print(f"{len(seen)} examples are as described, and nothing else is")
