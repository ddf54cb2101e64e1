// Owns what a secret looks like, so that it can be looked for where it may not be and removed from what is shown.

/** What the lab mints: access and refresh tokens and authorization codes, recognisable by their form. */
const minted = /\b(?:at|rt)_f\d+_g\d+_[0-9a-f]{8,}|\bcode_[0-9a-f]{32}|\bsecret_[0-9a-f]{32}/g

export type Secrets = {
  /** Remembers a secret of ours: a key, a client secret. */
  add(text: string): void
  /** The first secret in the text, shortened beyond use; undefined when there is none. */
  findIn(text: string): string | undefined
  /** The text without secrets, and not longer than a line. */
  redact(text: string): string
}

const shownCharacters = 8
const longestSample = 400

export function createSecrets(): Secrets {
  const known = new Set<string>()
  const shorten = (secret: string): string => `${secret.slice(0, shownCharacters)}***`
  return {
    add: (text) => void known.add(text),
    findIn(text) {
      const found = text.match(minted)?.[0] ?? [...known].find((secret) => text.includes(secret))
      return found === undefined ? undefined : shorten(found)
    },
    redact(text) {
      let clean = text.replace(minted, (secret) => shorten(secret))
      for (const secret of known) clean = clean.replaceAll(secret, shorten(secret))
      return clean.replace(/\s+/g, ' ').slice(0, longestSample)
    },
  }
}
