"""Replaces moto's check of identity policies by one that looks at resources and conditions."""

import json
import os
import sys

from moto.core.exceptions import JsonRESTError, _RESTError
from moto.iam.access_control import IAMRequest
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends

import moto_policy
from moto_resources import Call

# A user with this tag stands for the role whose ARN is its value.
ROLE_TAG = "holdfast-role-arn"
ADMIN = "holdfast-admin"
OPERATIONS_WITHOUT_POLICY = ["sts:GetCallerIdentity"]


def user_of(account, access_key_id):
    for user in iam_backends[account]["aws"].users.values():
        if any(key.access_key_id == access_key_id for key in user.access_keys):
            return user
    return None


def arn_of(account, user):
    tags = iam_backends[account]["aws"].tagger.get_tag_dict_for_resource(user.arn)
    return tags.get(ROLE_TAG, user.arn)


# What an administrator's own policy says. A key's policy binds administrators as well.
ANYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def judge(account, user, action, resource, context):
    """None where allowed, else the whole message."""
    if action in OPERATIONS_WITHOUT_POLICY:
        return None
    if user.name == ADMIN and not action.startswith("kms:"):
        return None
    arn = arn_of(account, user)
    identity = [ANYTHING] if user.name == ADMIN else list(user.policies.values())
    key_policy = None
    if action.startswith("kms:") and resource:
        region, key_id = resource.split(":")[3], resource.split("/")[-1]
        key = kms_backends[account][region].keys.get(key_id)
        key_policy = key.policy if key else None
    reason = moto_policy.decide(
        identity, key_policy, account, action, resource,
        {**context, "aws:PrincipalArn": arn, "aws:username": user.name},
    )
    if reason is None:
        return None
    on = f" on resource: {resource}" if resource else ""
    return f"User: {arn} is not authorized to perform: {action}{on} {reason}"


def check_action_permitted(self, resource):
    account = self.account_id
    user = user_of(account, self._access_key._access_key_id)
    service, _, operation = self._action.partition(":")
    query = self._data if "Action" in self._data else {}
    call = Call(account, self._region, service, operation, self._body, query, self._path)
    asked = [(call.action, call.resource(), call.context()), *call.implied()]
    messages = [judge(account, user, *one) for one in asked]
    message = next((one for one in messages if one is not None), None)
    if message is not None:
        print(f"DENIED {message}", file=sys.stderr, flush=True)
        refuse(self, "AccessDenied", message)


def refuse(request, name, message):
    """In the shape that the caller's protocol has for it."""
    if "Action" in request._data:
        error = _RESTError(name, message)
        error.code = 403
    else:
        error = JsonRESTError(f"{name}Exception", message)
        # JSON-RPC services answer 400, REST ones 403.
        error.code = 400 if request._headers.get("X-Amz-Target") else 403
    raise error


def raise_invalid_access_key(self, _):
    refuse(self, "UnrecognizedClient", "The security token included in the request is invalid.")


def raise_signature_does_not_match(self):
    refuse(self, "InvalidSignature", "The request signature we calculated does not match.")


def answer(body):
    """What a stand-in for another service asks: may this key pair do that?"""
    account = os.environ["MOTO_ACCOUNT_ID"]
    asked = json.loads(body)
    user = user_of(account, asked["accessKeyId"])
    if user is None:
        return {"message": "The security token included in the request is invalid."}
    message = judge(account, user, asked["action"], asked.get("resource"), asked.get("context", {}))
    return {} if message is None else {"message": message}


def install():
    IAMRequest.check_action_permitted = check_action_permitted
    IAMRequest._raise_invalid_access_key = raise_invalid_access_key
    IAMRequest._raise_signature_does_not_match = raise_signature_does_not_match
