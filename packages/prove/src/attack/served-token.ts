import type { Cast } from './cast.js'
import type { Known } from './world.js'

// Owns whose a served token is: the lab names its access tokens at_<family>_g<generation>_<random>.

const accessToken = /^at_f(\d+)_g(\d+)_[0-9a-f]+x*$/

export type TokenJudge = (connection: Known, seenBefore: readonly [number, number], token: string) => Promise<void>

type Witness = Pick<Cast, 'recorder'> & { lab: Pick<Cast['lab'], 'subjectOf'> }

export function createTokenJudge({ lab, recorder }: Witness): TokenJudge {
  const subjects = new Map<string, string | undefined>()
  return async (connection, seenBefore, token) => {
    const [, familyText, generationText] = accessToken.exec(token) ?? []
    if (familyText === undefined) return recorder.violated('a token nobody issued', `${connection.provider} ${token}`)
    const key = `${connection.provider} f${familyText}`
    if (!subjects.has(key)) subjects.set(key, await lab.subjectOf(connection.provider, `f${familyText}`))
    const subject = subjects.get(key)
    if (subject !== connection.subject)
      recorder.violated('a token of another account', `${connection.subject} was given one of ${subject}`)
    const served = [Number(familyText), Number(generationText)] as const
    // What was served before this read began may not be younger than what it gets.
    if (isOlder(served, seenBefore))
      recorder.violated(
        'an older token than one served before',
        `${connection.provider} f${served.join(' g')} < f${seenBefore.join(' g')}`,
      )
    if (isOlder(connection.newest, served)) connection.newest = served
    recorder.did(`token served: ${connection.provider}`)
  }
}

/**
 * Generation 0 came without a refresh token: the connection keeps the one it held, so that the next token is of the former
 * family again (docs/decisions/0007).
 */
const isOlder = ([family, generation]: readonly [number, number], than: readonly [number, number]): boolean =>
  than[1] > 0 && (family < than[0] || (family === than[0] && generation < than[1]))
