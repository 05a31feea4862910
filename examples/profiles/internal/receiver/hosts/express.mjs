// Stands for Express, of which it has what the published snippets use: app.post,
// req.headers, req.body (parsed, as by express.json), res.status, res.send and
// res.sendStatus. processEvent is the snippets' name for their reader's own code.
import { STATUS_CODES } from 'node:http'
import { pathToFileURL } from 'node:url'
import { serve } from './serve.mjs'

const routes = new Map()
globalThis.app = { post: (path, handler) => routes.set(path, handler) }
globalThis.processEvent = (event) => console.log('Processed event:', event.id)
await import(pathToFileURL(process.argv[2]))

serve((req, payload, answer) => {
  const handler = routes.get(req.url)
  if (!handler) return answer(404, STATUS_CODES[404])
  req.body = JSON.parse(payload)
  const res = {
    code: 200,
    status(code) { this.code = code; return this },
    send(text) { answer(this.code, text) },
    sendStatus(code) { answer(code, STATUS_CODES[code]) },
  }
  handler(req, res)
})
