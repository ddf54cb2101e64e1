// Owns a small user agent: cookies, redirects and plain forms, enough to walk through sign-in and consent pages.
// Does not own scripts, styles or the same-origin rules of a real browser.
import { Agent, request, type Dispatcher } from 'undici'
import { CookieJar } from './cookie-jar.js'
import { parseForms, type Form } from './forms.js'

/** Where the browser came to rest. `visited` lists every URL on the way, the last being `url`. */
export type Page = { url: string; status: number; body: string; forms: Form[]; visited: string[] }

export type BrowserOptions = {
  /** A redirect to such a URL is not followed: the page is then that URL, with status 0 and no body. */
  stopAt?: (url: string) => boolean
  timeoutMs?: number
}

const MAX_REDIRECTS = 20

export class Browser {
  readonly #jar = new CookieJar()
  readonly #agent: Agent
  readonly #stopAt: (url: string) => boolean

  constructor(options: BrowserOptions = {}) {
    const timeoutMs = options.timeoutMs ?? 15_000
    this.#agent = new Agent({ headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: timeoutMs } })
    this.#stopAt = options.stopAt ?? (() => false)
  }

  /** Goes to a URL and follows redirects. Throws after 20 of them. */
  open(url: string): Promise<Page> {
    return this.#visit(url, 'GET', undefined)
  }

  /** Fills in and submits a form of a page; `fields` is added to what the form already holds. */
  submit(form: Form, fields: Record<string, string>): Promise<Page> {
    const filled = new URLSearchParams({ ...form.fields, ...fields })
    if (form.method === 'post') return this.#visit(form.action, 'POST', filled.toString())
    const target = new URL(form.action)
    target.search = filled.toString()
    return this.open(target.href)
  }

  /** Closes the connections it holds. */
  close(): Promise<void> {
    return this.#agent.close()
  }

  async #visit(firstUrl: string, firstMethod: 'GET' | 'POST', firstBody: string | undefined): Promise<Page> {
    let [url, method, body] = [firstUrl, firstMethod, firstBody]
    const visited: string[] = []
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      visited.push(url)
      if (this.#stopAt(url)) return { url, status: 0, body: '', forms: [], visited }
      const answer = await this.#send(url, method, body)
      const location = answer.headers['location']
      if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== 'string') {
        const html = await answer.body.text()
        return { url, status: answer.statusCode, body: html, forms: parseForms(html, url), visited }
      }
      await answer.body.dump()
      url = new URL(location, url).href
      // RFC 9110 §15.4: 307 and 308 repeat the request, the others continue with GET, as every browser does.
      if (answer.statusCode !== 307 && answer.statusCode !== 308) [method, body] = ['GET', undefined]
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects from ${new URL(firstUrl).origin}`)
  }

  async #send(url: string, method: 'GET' | 'POST', body: string | undefined): Promise<Dispatcher.ResponseData> {
    const target = new URL(url)
    const cookie = this.#jar.header(target)
    const answer = await request(target, {
      method,
      dispatcher: this.#agent,
      body: body ?? null,
      headers: {
        accept: 'text/html,application/json;q=0.9',
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(cookie === undefined ? {} : { cookie }),
      },
    })
    const setCookie = answer.headers['set-cookie']
    this.#jar.store(target, setCookie === undefined ? [] : [setCookie].flat())
    return answer
  }
}
