// Makes keys, signs and verifies as the asymmetric scheme of Standard Webhooks
// says, by means of node's crypto alone. It reads a JSON array of tasks and
// answers with a JSON array, one element for each.
//
//   {op: "generate"}                                      {private: "whsk_…", public: "whpk_…"}
//   {op: "sign", key: "whsk_…", id, timestamp, body}      "v1a,…"
//   {op: "verify", key: "whpk_…", id, timestamp, body,
//    signature}                                           whether one v1a signature in the list is right
//
// body is base64, and so are keys after their prefix: 64 bytes, seed and public
// key, if private, else 32.
'use strict';
const crypto = require('crypto');

function bytesOf(text, prefix, size) {
  const bytes = Buffer.from(text.slice(prefix.length), 'base64');
  if (!text.startsWith(prefix) || bytes.length !== size) throw new Error('not a key: ' + prefix);
  return bytes;
}

const jwk = (fields) => ({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', ...fields } });

function privateKey(text) {
  const bytes = bytesOf(text, 'whsk_', 64);
  return crypto.createPrivateKey(jwk({
    d: bytes.subarray(0, 32).toString('base64url'), x: bytes.subarray(32).toString('base64url'),
  }));
}

const publicKey = (text) => crypto.createPublicKey(jwk({ x: bytesOf(text, 'whpk_', 32).toString('base64url') }));

const content = (task) => Buffer.concat([Buffer.from(`${task.id}.${task.timestamp}.`), Buffer.from(task.body, 'base64')]);

const operations = {
  generate() {
    const { d, x } = crypto.generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    const pub = Buffer.from(x, 'base64url');
    return {
      private: 'whsk_' + Buffer.concat([Buffer.from(d, 'base64url'), pub]).toString('base64'),
      public: 'whpk_' + pub.toString('base64'),
    };
  },
  sign: (task) => 'v1a,' + crypto.sign(null, content(task), privateKey(task.key)).toString('base64'),
  verify: (task) => task.signature.split(' ').filter((s) => s.startsWith('v1a,')).some(
    (s) => crypto.verify(null, content(task), publicKey(task.key), Buffer.from(s.slice(4), 'base64'))),
};

const tasks = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(tasks.map((task) => operations[task.op](task))));
