"""Says which resource a call to moto is about, and which condition keys it carries."""

import json
from urllib.parse import unquote

from moto.dynamodb.models import dynamodb_backends
from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends

import moto_notifications
from moto_policy import ANY_RESOURCE

# Where a service names its resource by an ARN among the parameters.
ARN_PARAMETERS = {
    "sns": ["TopicArn", "TargetArn"],
    "lambda": ["FunctionName"],
    "ecs": ["taskDefinition"],
    "logs": ["logGroupArn", "resourceArn"],
}


class Call:
    """One request, with what the policies can see of it."""

    def __init__(self, account, region, service, action, body, query, path=""):
        self.account = account
        self.region = region
        self.service = service
        self.action = f"{service}:{action}"
        self.path = path
        self.parameters = {key: value[0] for key, value in query.items() if value}
        try:
            parsed = json.loads(body or b"{}")
            if isinstance(parsed, dict):
                self.parameters = {**self.parameters, **parsed}
        except ValueError:
            pass

    def arn(self, resource):
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{resource}"

    def kms_key(self):
        backend = kms_backends[self.account][self.region]
        name = self.parameters.get("KeyId") or self.parameters.get("TargetKeyId")
        if name is None and "CiphertextBlob" in self.parameters:
            return backend.keys.get(key_id_in(self.parameters["CiphertextBlob"]))
        try:
            return backend.keys.get(backend.any_id_to_key_id(name)) if name else None
        except Exception:  # an alias that leads nowhere: moto itself will say so
            return None

    def resource(self):
        if self.service == "kms":
            key = self.kms_key()
            return key.arn if key else self.unknown_key()
        if self.service == "secretsmanager":
            return self.secret()
        if self.service == "ssm":
            name = self.parameters.get("Name") or self.parameters.get("Path")
            return self.arn(f"parameter/{name.strip('/')}") if name else ANY_RESOURCE
        if self.service == "dynamodb" and "TableName" in self.parameters:
            name = self.parameters["TableName"]
            return name if name.startswith("arn:") else self.arn(f"table/{name}")
        if self.service == "scheduler" and self.path.startswith("/schedules/"):
            name = unquote(self.path.split("/")[2].split("?")[0])
            return self.arn(f"schedule/{self.parameters.get('GroupName', 'default')}/{name}")
        if self.service == "logs" and "logGroupName" in self.parameters:
            group = f"log-group:{self.parameters['logGroupName']}"
            return self.arn(f"{group}:log-stream:{self.parameters.get('logStreamName', '')}")
        for parameter in ARN_PARAMETERS.get(self.service, []):
            value = self.parameters.get(parameter)
            if isinstance(value, str) and value.startswith("arn:"):
                return value
        if self.service == "lambda" and "/functions/" in self.path:
            name = unquote(self.path.split("/functions/")[1].split("/")[0])
            return name if name.startswith("arn:") else self.arn(f"function:{name}")
        return ANY_RESOURCE

    def implied(self):
        """What AWS asks for besides the action itself: (action, resource, context)."""
        if self.action == "sns:Publish":
            key = moto_notifications.key_of(self.account, self.region, self.parameters.get("TopicArn"))
            actions = ["kms:GenerateDataKey", "kms:Decrypt"] if key else []
            return [(action, key, self.context()) for action in actions]
        if self.action == "scheduler:CreateSchedule":
            role = (self.parameters.get("Target") or {}).get("RoleArn")
            service = {"iam:PassedToService": "scheduler.amazonaws.com"}
            return [("iam:PassRole", role, {**self.context(), **service})]
        return []

    def leading_keys(self):
        """The partition keys of the items that the call names."""
        table = dynamodb_backends[self.account][self.region].tables.get(
            str(self.parameters.get("TableName")).split("/")[-1]
        )
        item = self.parameters.get("Key") or self.parameters.get("Item") or {}
        if table is None or table.hash_key_attr not in item:
            return []
        return list(item[table.hash_key_attr].values())

    def unknown_key(self):
        name = self.parameters.get("KeyId")
        if name is None:
            return ANY_RESOURCE
        return name if name.startswith("arn:") else self.arn(f"key/{name}")

    def secret(self):
        wanted = self.parameters.get("SecretId")
        if wanted is None:
            return ANY_RESOURCE
        secret = secretsmanager_backends[self.account][self.region].secrets.get(wanted)
        if secret is not None:
            return secret.arn
        return wanted if wanted.startswith("arn:") else self.arn(f"secret:{wanted}")

    def context(self):
        context = {
            "aws:PrincipalAccount": self.account,
            "aws:ResourceAccount": self.account,
            "aws:RequestedRegion": self.region,
        }
        if self.service == "kms":
            context["kms:CallerAccount"] = self.account
            encryption = self.parameters.get("EncryptionContext") or {}
            for key, value in encryption.items():
                context[f"kms:EncryptionContext:{key}"] = value
            if encryption:
                context["kms:EncryptionContextKeys"] = list(encryption)
            key = self.kms_key()
            if key is not None:
                for tag, value in tags_of(self.account, self.region, key).items():
                    context[f"aws:ResourceTag/{tag}"] = value
            name = self.parameters.get("KeyId") or ""
            if "alias/" in name:
                context["kms:RequestAlias"] = name[name.index("alias/") :]
        if self.service == "dynamodb":
            keys = self.leading_keys()
            if keys:
                context["dynamodb:LeadingKeys"] = keys
        if self.service == "secretsmanager" and "SecretId" in self.parameters:
            context["secretsmanager:SecretId"] = self.parameters["SecretId"]
        if self.service == "ecs" and "cluster" in self.parameters:
            cluster = self.parameters["cluster"]
            full = cluster if cluster.startswith("arn:") else self.arn(f"cluster/{cluster}")
            context["ecs:cluster"] = full
        return context


def tags_of(account, region, key):
    tags = kms_backends[account][region].list_resource_tags(key.id)["Tags"]
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


def key_id_in(ciphertext):
    """moto's ciphertexts begin with the key's id, 36 characters."""
    import base64

    return base64.b64decode(ciphertext)[:36].decode("ascii", "replace")
