// SPDX-License-Identifier: Apache-2.0
// TLS between a server and a client in one Node.js process, both with keys of tokens:
// handshakes.js AUTHORITY SERVER_CERT SERVER_KEY CLIENT_CERT CLIENT_KEY TLSv1.2|TLSv1.3
'use strict';
const { readFileSync } = require('fs');
const tls = require('tls');
const [authority, serverCert, serverKey, clientCert, clientKey, version] = process.argv.slice(2);
const options = (cert, key) => ({
  ca: readFileSync(authority), cert: readFileSync(cert), key: readFileSync(key), passphrase: process.env.PASSWORD,
  minVersion: version, maxVersion: version,
});
const server = tls.createServer({ ...options(serverCert, serverKey), requestCert: true, rejectUnauthorized: true });

server.on('secureConnection', (socket) => socket.end(socket.getPeerCertificate().subject.CN));
server.on('tlsClientError', (error) => { throw error; });
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const client = tls.connect({ ...options(clientCert, clientKey), host: '127.0.0.1', port, servername: 'localhost' });
  let seen = '';

  client.on('data', (data) => { seen += data; });
  client.on('end', () => {
    console.log(`${client.getProtocol()} ${client.getPeerCertificate().subject.CN} ${seen}`);
    server.close();
  });
});
