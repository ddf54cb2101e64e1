import type { JournalEntry, LabProvider } from 'dromos-lab'

// Owns what a provider can say about its client at the end: what it was shown twice, what it knows to be dead.

export type Family = {
  id: string
  subject: string
  alive: boolean
  currentRefreshToken: string | undefined
  /** Switches that acted on its refreshes: why a client may have given it up. */
  suffered: string[]
}

export type Repeat = { family: string; firstAtMs: number; againAtMs: number }

export type Testimony = {
  families: Family[]
  /** Switches that acted on its metadata and keys: they may have spoiled any check of an id_token. */
  sufferedByAll: string[]
  refreshes: number
  reuses: number
  /** Authorization codes that were presented more than once. */
  codesAgain: number
  /** Refresh tokens that were presented again although the first answer was honest and whole. */
  repeats: Repeat[]
  /** Requests that came to the attacker's origin. */
  lured: string[]
}

export function testify(provider: LabProvider): Testimony {
  const { families, refreshes, reuseCount } = provider.oracle()
  const requests = provider.journal('token')
  const refreshing = requests.filter(({ form }) => form['grant_type'] === 'refresh_token')
  const suffered = switchesByFamily(refreshing)
  return {
    families: families.map(({ subject, alive, currentRefreshToken }, index) => {
      const id = `f${index + 1}`
      return { id, subject, alive, currentRefreshToken, suffered: [...(suffered.get(id) ?? [])] }
    }),
    sufferedByAll: [
      ...new Set([...provider.journal('jwks'), ...provider.journal('discovery')].flatMap((entry) => entry.switches)),
    ],
    refreshes,
    reuses: reuseCount,
    codesAgain: codesAgain(requests),
    repeats: repeatsOf(refreshing),
    lured: provider.journal('attacker').map(({ method, path }) => `${method} ${path}`),
  }
}

const familyOf = ({ form }: JournalEntry): string => (form['refresh_token'] ?? '').split('_')[1] ?? ''

function switchesByFamily(refreshing: readonly JournalEntry[]): ReadonlyMap<string, ReadonlySet<string>> {
  const suffered = new Map<string, Set<string>>()
  for (const entry of refreshing) {
    const switches = suffered.get(familyOf(entry)) ?? new Set()
    for (const name of entry.switches) switches.add(name)
    suffered.set(familyOf(entry), switches)
  }
  return suffered
}

/** The provider rotated and said so, in one piece. */
const isClean = (entry: JournalEntry): boolean => entry.answered?.status === 200 && actedOn(entry)?.length === 0

const actedOn = (entry: JournalEntry & { switches?: readonly string[] }): readonly string[] | undefined =>
  entry.switches

function codesAgain(requests: readonly JournalEntry[]): number {
  const codes = requests.flatMap(({ form }) => form['code'] ?? [])
  return codes.length - new Set(codes).size
}

function repeatsOf(refreshing: readonly JournalEntry[]): Repeat[] {
  const cleanAtMs = new Map<string, number>()
  const repeats: Repeat[] = []
  for (const entry of refreshing) {
    const token = entry.form['refresh_token'] ?? ''
    const firstAtMs = cleanAtMs.get(token)
    if (firstAtMs !== undefined) repeats.push({ family: familyOf(entry), firstAtMs, againAtMs: entry.at })
    else if (isClean(entry)) cleanAtMs.set(token, entry.at)
  }
  return repeats
}
