// Runs the statements of a published snippet once for each request, with the
// names that they take for granted: req, crypto, secret, payload.
import crypto from 'node:crypto'
import fs from 'node:fs'
import { serve } from './serve.mjs'

const code = fs.readFileSync(process.argv[2], 'utf8')
const snippet = new Function('req', 'crypto', 'secret', 'payload', 'verified', 'refused', code)

serve((req, payload, answer) => {
  snippet(req, crypto, process.env.WEBHOOK_SECRET, payload,
    () => answer(200, 'verified'),
    () => answer(401, 'refused'))
  answer(500, 'the snippet decided nothing')
})
