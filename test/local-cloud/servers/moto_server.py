"""Starts moto with usable multi-Region keys and with policies that are enforced.

Usage: moto_server.py PORT
"""

import json
import sys

from moto import server

import moto_enforcement
import moto_keys
import moto_notifications
import moto_parameters
import moto_stacks

# Paths of ours: what answers each.
PATHS = {
    "/holdfast/authorize": moto_enforcement.answer,
    "/holdfast/published": moto_notifications.answer,
}


class WithAuthorize(server.DomainDispatcherApplication):
    """moto, and a few paths of ours."""

    def __call__(self, environ, start_response):
        answer = PATHS.get(environ.get("PATH_INFO"))
        if answer is None:
            return super().__call__(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer(body)).encode()]


if __name__ == "__main__":
    moto_keys.install()
    moto_parameters.install()
    moto_stacks.install()
    moto_enforcement.install()
    server.DomainDispatcherApplication = WithAuthorize
    # Both families: `localhost` may be either.
    server.main(["-H", "localhost", "-p", sys.argv[1]])
