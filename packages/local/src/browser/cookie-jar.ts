type Cookie = { name: string; value: string; domain: string; isHostOnly: boolean; path: string; isSecure: boolean }

/** The cookies of one user agent, stored and sent by the rules of RFC 6265 §5.3 and §5.4. Ports do not separate them. */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>()

  /** Takes over the Set-Cookie headers of an answer from `url`. */
  store(url: URL, setCookies: readonly string[]): void {
    for (const line of setCookies) this.#storeOne(url, line)
  }

  /** The Cookie header for a request to `url`, or undefined when there is nothing to send. */
  header(url: URL): string | undefined {
    const isSecure = url.protocol === 'https:' || isLoopback(url.hostname)
    const sent = [...this.#cookies.values()]
      .filter((cookie) => domainMatches(url.hostname, cookie) && pathMatches(url.pathname, cookie.path))
      .filter((cookie) => isSecure || !cookie.isSecure)
      .sort((a, b) => b.path.length - a.path.length)
    return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  #storeOne(url: URL, line: string): void {
    const [pair = '', ...attributeParts] = line.split(';')
    const equals = pair.indexOf('=')
    if (equals < 1) return
    const attributes = new Map(attributeParts.map(splitAttribute))
    const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase()
    const path = attributes.get('path')
    const cookie: Cookie = {
      name: pair.slice(0, equals).trim(),
      value: pair.slice(equals + 1).trim(),
      domain: domain || url.hostname,
      isHostOnly: !domain,
      path: path?.startsWith('/') ? path : defaultPath(url.pathname),
      isSecure: attributes.has('secure'),
    }
    if (!domainMatches(url.hostname, cookie)) return
    const key = `${cookie.domain};${cookie.path};${cookie.name}`
    if (hasEnded(attributes)) this.#cookies.delete(key)
    else this.#cookies.set(key, cookie)
  }
}

function splitAttribute(part: string): [string, string] {
  const equals = part.indexOf('=')
  if (equals < 0) return [part.trim().toLowerCase(), '']
  return [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim()]
}

function hasEnded(attributes: Map<string, string>): boolean {
  const maxAge = attributes.get('max-age')
  if (maxAge !== undefined && maxAge !== '') return Number(maxAge) <= 0
  const expires = attributes.get('expires')
  return expires !== undefined && Date.parse(expires) <= Date.now()
}

function domainMatches(host: string, cookie: Cookie): boolean {
  return host === cookie.domain || (!cookie.isHostOnly && host.endsWith(`.${cookie.domain}`))
}

function pathMatches(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/')
}

function defaultPath(path: string): string {
  const last = path.lastIndexOf('/')
  return last <= 0 ? '/' : path.slice(0, last)
}

// Browsers treat loopback as a secure context, and developers rely on it.
function isLoopback(host: string): boolean {
  return host === 'localhost' || host.startsWith('127.') || host === '[::1]'
}
