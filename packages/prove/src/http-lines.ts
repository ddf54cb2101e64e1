import { connect } from 'node:net'

// Owns GET requests over kept connections to one server, as cheap as they can be made: a client library takes as much of the
// cores it shares with the services as these do. Knows of HTTP/1.1 what they answer with: a Content-Length.

export type Answer = { status: number; retryAfterSeconds: number; body: string }

export type Lines = {
  /** Rejects when the connection ends, or nothing comes for the time the lines were opened with. Nothing is repeated. */
  get(path: string): Promise<Answer>
  close(): void
}

/** `code` as the system's errors have it. */
class NoAnswer extends Error {
  constructor(readonly code: 'timeout' | 'closed') {
    super(`no answer: ${code}`)
  }
}

type Line = { send(request: string): Promise<Answer>; end(): void; isOpen(): boolean }

export function openLines(origin: string, headers: Readonly<Record<string, string>>, timeoutMs: number): Lines {
  const { hostname, port, host } = new URL(origin)
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  const rest = ` HTTP/1.1\r\n${fields.join('')}\r\n`
  const idle: Line[] = []
  const take = (): Line => {
    const line = idle.pop()
    if (line === undefined) return openLine(hostname, Number(port), timeoutMs)
    return line.isOpen() ? line : take()
  }
  return {
    async get(path) {
      const line = take()
      const answer = await line.send(`GET ${path}${rest}`)
      idle.push(line)
      return answer
    },
    close: () => idle.splice(0).forEach((line) => line.end()),
  }
}

function openLine(host: string, port: number, timeoutMs: number): Line {
  const socket = connect({ host, port, noDelay: true }).setEncoding('latin1')
  let received = ''
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined
  const fail = (error: Error): void => {
    waiting?.reject(error)
    waiting = undefined
    socket.destroy()
  }
  socket.setTimeout(timeoutMs, () => fail(new NoAnswer('timeout')))
  socket.on('error', fail)
  socket.on('close', () => fail(new NoAnswer('closed')))
  socket.on('data', (text: string) => {
    received += text
    const answer = readAnswer(received)
    if (answer === undefined) return
    received = ''
    waiting?.resolve(answer)
    waiting = undefined
  })
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request, 'latin1')
      }),
    end: () => socket.destroy(),
    isOpen: () => !socket.destroyed,
  }
}

/** undefined until the whole of it has come. */
function readAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const body = text.slice(end + 4)
  const isWhole = body.length >= Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
  if (!isWhole) return undefined
  return {
    status: Number(head.slice(9, 12)),
    retryAfterSeconds: Number(/\r\nretry-after: (\d+)/i.exec(head)?.[1] ?? 0),
    body,
  }
}
