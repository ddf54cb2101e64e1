/** The person at the provider, as the browser's cookie tells: who they are, what they tick, or that they refuse. */
export type Person = { subject: string; scope: string | undefined; denies: string | undefined }

const cookieName = 'lab_person'

/** The Cookie header of a browser in which this person is logged in. */
export function cookieOf(person: { subject?: string; scope?: string; denies?: string }): string {
  return `${cookieName}=${Buffer.from(JSON.stringify(person)).toString('base64url')}`
}

/** Reads the person back; without a cookie it is `defaultSubject`, who approves everything. */
export function personFrom(cookieHeader: string | undefined, defaultSubject: string): Person {
  const encoded = cookieHeader?.match(/(?:^|;\s*)lab_person=([A-Za-z0-9_-]+)/)?.[1]
  const parsed: unknown = encoded ? JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')) : {}
  const fields = new Map<string, unknown>(Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {}))
  const text = (name: string): string | undefined => {
    const value = fields.get(name)
    return typeof value === 'string' ? value : undefined
  }
  return { subject: text('subject') ?? defaultSubject, scope: text('scope'), denies: text('denies') }
}
