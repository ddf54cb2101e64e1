import { ServiceError } from '@dromos/contract'

/**
 * One allowed place to send a browser back to. `https` on port 443 unless the rule says otherwise.
 * `app.example.com` one host · `*.example.com` any depth below it, never the apex · `https://app.example.com:8443` one
 * origin · `http://localhost:*` any port (plain http only for loopback names).
 */
export type ReturnUrlRule = {
  scheme: 'https:' | 'http:'
  host: string
  wildcard: 'subdomains' | undefined
  /** Empty = the scheme's default; `*` = any. */
  port: string
}

const rulePattern = /^(?:(https?):\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}|\*))?$/i
const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Parses one entry of `ALLOWED_RETURN_DOMAINS`; undefined when it is not one. */
export function parseReturnUrlRule(text: string): ReturnUrlRule | undefined {
  const match = rulePattern.exec(text.trim())
  if (match?.[3] === undefined) return undefined
  const host = match[3].toLowerCase()
  const isLoopback = loopback.has(host)
  const scheme = match[1]?.toLowerCase() ?? (isLoopback ? 'http' : 'https')
  if (scheme === 'http' && !isLoopback) return undefined
  if (match[2] !== undefined && !host.includes('.')) return undefined // a wildcard directly below a public suffix
  const port = match[4] ?? (isLoopback ? '*' : '')
  const defaultPort = scheme === 'https' ? '443' : '80'
  return {
    scheme: scheme === 'https' ? 'https:' : 'http:',
    host,
    wildcard: match[2] === undefined ? undefined : 'subdomains',
    port: port === defaultPort ? '' : port,
  }
}

// WHATWG parsing drops tabs and newlines and maps "\" to "/": refuse them in the raw text, before any parser sees it.
const forbiddenCharacters = /[\u0000-\u0020\u007f\\]/
const maxLength = 2048

/**
 * Checks a return URL and gives back the parser's serialisation, which is what is stored and redirected to.
 * `rules` undefined means that the operator switched enforcement off; syntax and scheme are checked all the same.
 * Throws `return_url_not_allowed`.
 */
export function checkReturnUrl(raw: string, rules: readonly ReturnUrlRule[] | undefined): string {
  if (raw.length > maxLength || forbiddenCharacters.test(raw) || !/^https?:\/\/[^/]/i.test(raw))
    throw refusal('it is not a plain http(s) URL')
  if (!URL.canParse(raw)) throw refusal('it is not a URL')
  const url = new URL(raw)
  if (url.username !== '' || url.password !== '') throw refusal('it holds a user name or password')
  if (url.protocol === 'http:' && !loopback.has(url.hostname) && rules !== undefined) throw refusal('it is not https')
  if (rules !== undefined && !rules.some((rule) => matches(rule, url)))
    throw refusal('its origin is not listed: add it to ALLOWED_RETURN_DOMAINS')
  return url.href
}

function matches(rule: ReturnUrlRule, url: URL): boolean {
  const host = url.hostname.toLowerCase().replace(/\.$/, '')
  const hasEmptyLabel = host.startsWith('.') || host.includes('..')
  const isBelow = host.endsWith(`.${rule.host}`) && !hasEmptyLabel
  const isHost = rule.wildcard === 'subdomains' ? isBelow : host === rule.host
  return isHost && url.protocol === rule.scheme && (rule.port === '*' || rule.port === url.port)
}

const refusal = (why: string): ServiceError =>
  new ServiceError('return_url_not_allowed', `return_url is refused: ${why}`)

/** Adds result parameters to a checked return URL; the URL's own query stays, ours replace any of the same name. */
export function withResult(returnUrl: string, result: Readonly<Record<string, string>>): string {
  const url = new URL(returnUrl)
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, value)
  return url.href
}
