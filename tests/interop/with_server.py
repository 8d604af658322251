#!/usr/bin/env python3
"""Runs a client against a server of its own: with_server.py SERVER -- CLIENT ARGUMENT...

The server prints the address it listens on and ends when its standard input does. In the client's arguments {host}, {port} and {address} stand
for that address. Fails when the client fails, or when the server does not end cleanly.
"""

import subprocess
import sys


def main() -> int:
    split = sys.argv.index("--")
    server_command, client_command = sys.argv[1:split], sys.argv[split + 1 :]
    server = subprocess.Popen(server_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip()
        if not address:
            print("the server did not start", file=sys.stderr)
            return 1
        host, _, port = address.rpartition(":")
        client = [part.format(host=host, port=port, address=address) for part in client_command]
        client_result = subprocess.run(client, stdin=subprocess.DEVNULL).returncode
        server.stdin.close()
        server_result = server.wait()
        if server_result != 0:
            print(f"the server ended with {server_result}", file=sys.stderr)
        return client_result or server_result
    finally:
        if server.poll() is None:
            server.kill()


if __name__ == "__main__":
    sys.exit(main())
