"""The deployment under test: starts commands there by the program itself, and makes links that it would not give."""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys
import time


class Deployed:
    def __init__(self):
        given = json.load(sys.stdin)
        self.endpoint, self.runvoy, self.secret = given["endpoint"], given["runvoy"], given["secret"]
        self.output, self.scratch = pathlib.Path(given["output"]), pathlib.Path(given["scratch"])

    def run(self, *arguments):
        done = subprocess.run([self.runvoy, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, command, *flags):
        """Starts a command. Returns its id and its log link."""
        reply = json.loads(self.run("exec", "--detach", "--json", *flags, "--", command))
        return reply["execution_id"], reply["log_url"]

    def ended(self, execution):
        """Its record, once its log has come to its end."""
        subprocess.run([self.runvoy, "logs", "--follow", execution], stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        return json.loads(self.run("status", execution, "--json"))

    def token(self, execution, expires_in):
        encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
        claims = {"execution_id": execution, "aud": "web-viewer", "exp": int(time.time()) + expires_in}
        signed = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
        return (signed + b"." + encode(hmac.digest(self.secret.encode(), signed, hashlib.sha256))).decode()
