// Serves POST requests on a port of its own until standard input ends, which it
// does when the program that started this one is gone.
import http from 'node:http'

export function serve(handle) {
  const server = http.createServer((req, res) => {
    const chunks = []
    req.on('data', (chunk) => chunks.push(chunk))
    req.on('end', () => {
      let answered = false
      const answer = (status, text) => {
        if (answered) return
        answered = true
        res.writeHead(status, { 'Content-Type': 'text/plain' }).end(text)
      }
      try {
        handle(req, Buffer.concat(chunks).toString('utf8'), answer)
      } catch (error) {
        answer(500, String(error))
      }
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
  process.stdin.on('end', () => process.exit()).resume()
}
