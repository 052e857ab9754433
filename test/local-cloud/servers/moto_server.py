"""Starts moto with usable multi-Region keys and with policies that are enforced.

Usage: moto_server.py PORT
"""

import json
import sys

from moto import server

import moto_enforcement
import moto_keys
import moto_parameters

AUTHORIZE = "/holdfast/authorize"


class WithAuthorize(server.DomainDispatcherApplication):
    """moto, and one path of ours."""

    def __call__(self, environ, start_response):
        if environ.get("PATH_INFO") != AUTHORIZE:
            return super().__call__(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(moto_enforcement.answer(body)).encode()]


if __name__ == "__main__":
    moto_keys.install()
    moto_parameters.install()
    moto_enforcement.install()
    server.DomainDispatcherApplication = WithAuthorize
    # Both families: `localhost` may be either.
    server.main(["-H", "localhost", "-p", sys.argv[1]])
