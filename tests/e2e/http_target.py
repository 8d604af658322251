"""A receiver of CloudEvents in a process of its own: http_target.py PORT FOLDER.

Appends every request it takes to FOLDER/requests.jsonl. While FOLDER/answer.json is there, it answers with that status (and headers) instead and
takes nothing; every refusal is a line of FOLDER/refused.jsonl. With `positions` in it only requests with an event at one of those global positions are
answered so.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder = Path(sys.argv[2])


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) < int(self.headers["Content-Length"]):
            self.close_connection = True
            return
        try:
            answer = json.loads((folder / "answer.json").read_text())
        except FileNotFoundError:
            answer = None
        events = json.loads(body)
        positions = [int(event["globalposition"]) for event in (events if isinstance(events, list) else [events])]
        if answer is None or not set(positions) & set(answer.get("positions", positions)):
            with open(folder / "requests.jsonl", "a") as file:
                file.write(json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body.decode()}) + "\n")
            answer = {"status": 204}
        else:
            with open(folder / "refused.jsonl", "a") as file:
                file.write(json.dumps({"time": time.monotonic(), "positions": positions}) + "\n")
        text = answer.get("text", "").encode()
        self.send_response(answer["status"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        if answer["status"] != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.allow_reuse_address = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
