# SPDX-License-Identifier: Apache-2.0
"""TLS handshakes of Python's ssl module in memory, both sides by keys that load_cert_chain read.

handshakes.py CA SERVER_CERT SERVER_KEY CLIENT_CERT CLIENT_KEY VERSION: before a fork, in children, in threads, and
afterwards; "" for a KEY: it is in the file of the certificate. $FORK = no: in no children. The password, for those that ask, is $PASSWORD."""
import os
import ssl
import sys
import threading

authority, server_cert, server_key, client_cert, client_key, version = sys.argv[1:]
CHILDREN = 3
EACH = 4


def context(side, certificate, key):
    made = ssl.SSLContext(side)
    made.minimum_version = made.maximum_version = getattr(ssl.TLSVersion, "TLSv" + version.replace(".", "_"))
    made.load_verify_locations(authority)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(certificate, key or None, password=os.environ.get("PASSWORD"))
    return made


def step(side):
    """True: this side has shaken hands."""
    try:
        side.do_handshake()
        return True
    except ssl.SSLWantReadError:
        return False


def handshake():
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = calling.wrap_bio(to_client, to_server, server_hostname="localhost")
    done = False
    for _ in range(8):
        client_done = step(client)
        if step(server) and client_done:
            done = True
            break
    assert done, "the handshake does not end"
    for side, certificate in ((client, server_cert), (server, client_cert)):
        with open(certificate, encoding="ascii") as file:
            text = file.read()
        begin = text.index("-----BEGIN CERT")
        assert side.getpeercert(True) == ssl.PEM_cert_to_DER_cert(text[begin:text.index("-----END CERT") + 26])
    client.write(b"hello")
    assert server.read() == b"hello"


def several(failures):
    try:
        for _ in range(EACH):
            handshake()
    except Exception as failure:  # pylint: disable=broad-except
        failures.append(failure)


def in_children():
    children = []
    for _ in range(0 if os.environ.get("FORK") == "no" else CHILDREN):
        child = os.fork()
        if child == 0:
            failures = []
            several(failures)
            for failure in failures:
                print("in a child:", failure, file=sys.stderr)
            os._exit(1 if failures else 0)  # as servers' workers do
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(children)


def in_threads():
    failures = []
    threads = [threading.Thread(target=several, args=(failures,)) for _ in range(CHILDREN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


serving = context(ssl.PROTOCOL_TLS_SERVER, server_cert, server_key)
calling = context(ssl.PROTOCOL_TLS_CLIENT, client_cert, client_key)
in_children()  # keys that were loaded and not used
handshake()
in_children()  # and used
in_threads()
handshake()
