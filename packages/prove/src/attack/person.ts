import type { Answer, HttpCaller } from './http-caller.js'
import { textOf } from './http-caller.js'
import type { Cast } from './cast.js'

// Owns a person with a browser of their own: opens a link, consents at the provider, comes back.

export type Person = {
  /** Opens our link; answers where the provider's page is. Undefined when it was refused. */
  open(authUrl: string): Promise<string | undefined>
  /** Comes back with what the provider said. */
  comeBack(callbackUrl: string): Promise<Answer | undefined>
  /** The whole way; answers what the return URL says, or undefined when it did not come so far. */
  consent(provider: string, authUrl: string, subject: string): Promise<string | undefined>
}

export type PersonWorld = Pick<Cast, 'lab' | 'returnOrigin' | 'recorder'> & { http: HttpCaller }

export function createPerson({ http, lab, returnOrigin, recorder }: PersonWorld): Person {
  const cookies = new Map<string, string>()
  const visit = async (url: string): Promise<Answer | undefined> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await http.send({ url, headers: cookie === '' ? {} : { cookie } })
    for (const line of [answer?.headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return answer
  }
  const person: Person = {
    async open(authUrl) {
      const location = (await visit(authUrl))?.headers['location']
      return typeof location === 'string' ? location : undefined
    },
    async comeBack(callbackUrl) {
      const answer = await visit(callbackUrl)
      const location = answer?.headers['location']
      if (typeof location === 'string' && new URL(location).origin !== returnOrigin)
        recorder.violated('a redirect off the allowlist', new URL(location).origin)
      return answer
    },
    async consent(provider, authUrl, subject) {
      const page = await person.open(authUrl)
      if (page === undefined) return undefined
      // The page of a provider whose metadata lied is not where this person's provider is.
      const callback = await lab.approve(provider, page, subject).catch(() => undefined)
      if (callback === undefined) return undefined
      return resultOf(await person.comeBack(callback))
    },
  }
  return person
}

/** `status` of the return URL, or the code of the error page. */
export function resultOf(answer: Answer | undefined): string | undefined {
  const location = answer?.headers['location']
  if (typeof location !== 'string') return answer === undefined ? undefined : textOf(answer, 'code')
  return new URL(location).searchParams.get('status') ?? undefined
}
