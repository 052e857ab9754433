"""Decides what IAM policies say about one call: the part of AWS's logic that our policies use.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
import re
from functools import lru_cache

# A call whose resource we do not know: every pattern matches it.
ANY_RESOURCE = None


def as_list(value):
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=4096)
def pattern(text, ignore_case):
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in text)
    return re.compile(expression + r"\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def like(text, value, ignore_case=False):
    return pattern(str(text), ignore_case).match(str(value)) is not None


def arn_like(text, value):
    """Wildcards do not reach across the first five colons."""
    wanted, found = str(text).split(":", 5), str(value).split(":", 5)
    return len(wanted) == len(found) and all(map(like, wanted, found))


def number(compare):
    def check(wanted, found):
        try:
            return compare(float(found), float(wanted))
        except ValueError:
            return False

    return check


# Operator: (whether one wanted value is met by one found value, whether the operator negates).
OPERATORS = {
    "stringequals": (lambda wanted, found: str(wanted) == str(found), False),
    "stringnotequals": (lambda wanted, found: str(wanted) == str(found), True),
    "stringequalsignorecase": (lambda wanted, found: wanted.lower() == found.lower(), False),
    "stringnotequalsignorecase": (lambda wanted, found: wanted.lower() == found.lower(), True),
    "stringlike": (like, False),
    "stringnotlike": (like, True),
    "arnequals": (arn_like, False),
    "arnlike": (arn_like, False),
    "arnnotequals": (arn_like, True),
    "arnnotlike": (arn_like, True),
    "bool": (lambda wanted, found: str(wanted).lower() == str(found).lower(), False),
    "numericequals": (number(lambda a, b: a == b), False),
    "numericnotequals": (number(lambda a, b: a == b), True),
    "numericlessthan": (number(lambda a, b: a < b), False),
    "numericlessthanequals": (number(lambda a, b: a <= b), False),
    "numericgreaterthan": (number(lambda a, b: a > b), False),
    "numericgreaterthanequals": (number(lambda a, b: a >= b), False),
}


class UnknownOperator(Exception):
    pass


def condition_holds(operator, wanted, found):
    """`found` is a list of the request's values for the key, or None where the request has none."""
    name = operator.lower()
    if name == "null":
        absent = found is None
        return any((str(value).lower() == "true") == absent for value in wanted)
    scope, _, rest = name.rpartition(":")
    optional = rest.endswith("ifexists")
    base = rest.removesuffix("ifexists")
    if base not in OPERATORS or scope not in ("", "forallvalues", "foranyvalue"):
        raise UnknownOperator(f"The condition operator {operator} is not known here.")
    check, negated = OPERATORS[base]
    if found is None:
        # AWS: a missing key fails a positive operator and satisfies a negated one; it satisfies
        # ForAllValues and fails ForAnyValue.
        return optional or (scope == "forallvalues" or (negated and scope == ""))

    def met(value):
        return any(check(one, value) for one in wanted) != negated

    return all(map(met, found)) if scope == "forallvalues" or (negated and not scope) else any(map(met, found))


def conditions_hold(statement, context):
    values = {key.lower(): as_list(value) for key, value in context.items()}
    return all(
        condition_holds(operator, as_list(wanted), values.get(key.lower()))
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, wanted in keys.items()
    )


def action_matches(statement, action):
    if "NotAction" in statement:
        return not any(like(p, action, True) for p in as_list(statement["NotAction"]))
    return any(like(p, action, True) for p in as_list(statement.get("Action", [])))


def resource_matches(statement, resource):
    if resource is ANY_RESOURCE:
        return True
    if "NotResource" in statement:
        return not any(like(p, resource) for p in as_list(statement["NotResource"]))
    return any(like(p, resource) for p in as_list(statement.get("Resource", "*")))


def statements(document):
    parsed = json.loads(document) if isinstance(document, str) else document
    return as_list(parsed.get("Statement", []))


def matching(documents, effect, action, resource, context):
    return [
        statement
        for document in documents
        for statement in statements(document)
        if statement["Effect"] == effect
        and action_matches(statement, action)
        and resource_matches(statement, resource)
        and conditions_hold(statement, context)
    ]


def names_principal(statement, arns):
    """Whether a resource policy's statement is about a caller who is known by any of `arns`."""
    principal = statement.get("Principal", {})
    named = ["*"] if principal == "*" else as_list(principal.get("AWS", []))
    return "*" in named or any(arn in named for arn in arns)


def decide(identity, key_policy, account, action, resource, context):
    """None where the call is allowed, else AWS's words for why it is not."""
    caller = context["aws:PrincipalArn"]
    if matching(identity, "Deny", action, resource, context):
        return "with an explicit deny in an identity-based policy"
    root = f"arn:aws:iam::{account}:root"
    if key_policy is not None:
        # Within a key policy, Resource is the key itself; the account's principal covers its users.
        denied = matching([key_policy], "Deny", action, resource, context)
        if any(names_principal(statement, [caller, root, account]) for statement in denied):
            return "with an explicit deny in a resource-based policy"
        allowed = matching([key_policy], "Allow", action, resource, context)
        if any(names_principal(statement, [caller]) for statement in allowed):
            return None
        if not any(names_principal(statement, [root, account]) for statement in allowed):
            return f"because no resource-based policy allows the {action} action"
    if matching(identity, "Allow", action, resource, context):
        return None
    return f"because no identity-based policy allows the {action} action"
