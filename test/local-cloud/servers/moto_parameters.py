"""Makes moto's CloudFormation take a parameter's tags, which are a map there and a list elsewhere."""

from moto.ssm import models

original = models.Parameter.create_from_cloudformation_json.__func__


def create_from_cloudformation_json(cls, resource_name, cloudformation_json, *args, **kwargs):
    properties = dict(cloudformation_json["Properties"])
    tags = properties.get("Tags")
    if isinstance(tags, dict):
        properties["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    described = {**cloudformation_json, "Properties": properties}
    return original(cls, resource_name, described, *args, **kwargs)


def install():
    models.Parameter.create_from_cloudformation_json = classmethod(create_from_cloudformation_json)
