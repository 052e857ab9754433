"""Makes moto's CloudFormation keep what leaves a template under `DeletionPolicy: Retain`, as AWS does."""

from moto.cloudformation.parsing import ResourceMap

original = ResourceMap._delete_resource


def delete_resource(self, resource, resource_json):
    if resource_json.get("DeletionPolicy") != "Retain":
        original(self, resource, resource_json)


def install():
    ResourceMap._delete_resource = delete_resource
