import { request, type RequestOptions } from 'node:https'

export type Sent = { status: number | undefined; body: string }

/** A request of Node's own client, on a connection of its own. */
export function sendHttps(url: string, options: RequestOptions, body?: string): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode, body: text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
