# SPDX-License-Identifier: Apache-2.0
# A service that misbehaves: answers every HTTPS request with the bytes of a file, whatever they are.
# reply.py CERTIFICATE KEY ANSWER PORTFILE: listens on a free port of 127.0.0.1, whose number it writes to PORTFILE.
import os
import socket
import ssl
import sys

certificate, key, answer, port_file = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))
with open(port_file + ".new", "w") as out:
    out.write(str(listener.getsockname()[1]))
os.rename(port_file + ".new", port_file)
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            request = b""
            while b"\r\n\r\n" not in request:
                request += tls.recv(65536) or b"\r\n\r\n"
            with open(answer, "rb") as content:
                tls.sendall(content.read())
            tls.unwrap()
    except OSError:
        pass
