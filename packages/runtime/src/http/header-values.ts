import type { IncomingMessage } from 'node:http'

/**
 * Every value of a header, as often as it was sent; `name` in lower case. Node's `headers` drops what it holds for a mistake
 * (a second Authorization), and its `headersDistinct` sorts all headers to look at one.
 */
export function headerValues({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, name: string): string[] {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] ?? ''
    if (given.length === name.length && given.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '')
  }
  return values
}
