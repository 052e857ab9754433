"""Makes moto's multi-Region KMS keys usable, also those that CloudFormation makes."""

import json
import re

from moto.kms import models, responses, utils
from moto.kms.exceptions import NotFoundException
from moto.moto_api._internal import mock_random

KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z", re.I)


def generate_key_id(multi_region=False):
    # As AWS: `mrk-` and 32 hex digits. moto's own has 40 characters, of which its ciphertexts keep 36.
    key = str(mock_random.uuid4())
    return "mrk-" + key.replace("-", "") if multi_region else key


def create_from_cloudformation_json(
    cls, resource_name, cloudformation_json, account_id, region_name, **kwargs
):
    properties = cloudformation_json["Properties"]
    policy = properties.get("KeyPolicy")
    key = models.kms_backends[account_id][region_name].create_key(
        # As text: moto keeps the object it is given and then fails to parse it in DescribeKey.
        policy=policy if policy is None or isinstance(policy, str) else json.dumps(policy),
        key_usage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
        key_spec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
        description=properties.get("Description"),
        # KMS has names of its own for what CloudFormation calls Key and Value.
        tags=[
            {"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])
        ],
        multi_region=is_true(properties.get("MultiRegion", False)),
    )
    key.key_rotation_status = is_true(properties.get("EnableKeyRotation", False))
    key.enabled = is_true(properties.get("Enabled", True))
    return key


def is_true(value):
    return str(value).lower() == "true"


def validate_cmk_id(self, key_id):
    is_arn = key_id.startswith("arn:") and ":key/" in key_id
    if not is_arn and not KEY_ID.match(key_id):
        raise NotFoundException(f"Invalid keyId {key_id}")
    if self.kms_backend.get_key_id(key_id) not in self.kms_backend.keys:
        raise NotFoundException(f"Key '{self._display_arn(key_id)}' does not exist")


def install():
    utils.generate_key_id = models.generate_key_id = generate_key_id
    models.Key.create_from_cloudformation_json = classmethod(create_from_cloudformation_json)
    responses.KmsResponse._validate_cmk_id = validate_cmk_id
    # Our judge looks at key policies, for every action; moto's looks at DescribeKey alone.
    responses.KmsResponse._validate_key_policy = lambda self, key_id, action: None
