import { setTimeout as pause } from 'node:timers/promises'
import type { Cast } from './cast.js'
import { type HttpCaller, textOf } from './http-caller.js'
import { type ProviderKind, providerKinds } from './providers.js'
import type { Family, Testimony } from './testimony.js'
import type { Known, Tenant, World } from './world.js'

// Owns the comparison after the quiet: what every connection says of itself against what its provider knows.

export type LastWord = { intact: number; attention: Record<string, number>; refreshes: number; reuses: number }

type Row = { id: string; tenant: string; provider: string; status: string; reason: string | null }

export type Court = {
  cast: Cast
  world: World
  http: HttpCaller
  /** When brokers were ended, by the provider's clock. */ strikesAtMs: readonly number[]
}

const rowsStatement = `
  select c.id, c.tenant_id as tenant, p.name as provider, c.status, c.reason
  from connections c join provider_profiles p on p.id = c.provider_id where c.status in ('active', 'attention')`
const atOnce = 8

export async function hearLastWord(court: Court): Promise<LastWord> {
  const { cast } = court
  const active = (await cast.database.rows<Row>(rowsStatement)).filter(({ status }) => status === 'active')
  const held = new Map<string, string>()
  const work = async (): Promise<void> => {
    for (let row = active.pop(); row !== undefined; row = active.pop()) {
      const token = await refreshToTheEnd(court, row)
      if (token !== undefined) held.set(row.id, token)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const word: LastWord = { intact: 0, attention: {}, refreshes: 0, reuses: 0 }
  const rows = await cast.database.rows<Row>(rowsStatement)
  for (const kind of providerKinds) {
    const testimony = await cast.lab.testify(kind.name)
    word.refreshes += testimony.refreshes
    word.reuses += testimony.reuses
    judgeProvider(court, kind, testimony)
    for (const row of rows.filter(({ provider }) => provider === kind.name)) {
      if (row.status === 'attention') {
        const reason = row.reason ?? 'none'
        word.attention[reason] = (word.attention[reason] ?? 0) + 1
        judgeDeath(court, row, testimony)
      } else if (isCurrent(held.get(row.id), testimony)) word.intact++
      else if (held.has(row.id)) cast.recorder.violated('active, and unknown to the provider', `${kind.name} ${row.id}`)
    }
  }
  return word
}

const patienceMs = 120_000

/** Refreshes it once more, as the next reads would have done. Answers the refresh token that it holds, if any. */
async function refreshToTheEnd({ cast, http, world }: Court, row: Row): Promise<string | undefined> {
  const tenant: Tenant | undefined = world.tenants.find(({ name }) => name === row.tenant)
  const giveUpAtMs = performance.now() + patienceMs
  let last = 'no answer'
  while (performance.now() < giveUpAtMs) {
    const url = `${cast.gateways[0]?.url}/v1/refresh/${row.id}`
    const answer = await http.send({ url, key: tenant?.auditorKey ?? '', json: {} })
    if (answer?.status === 200) return textOf(answer, 'refresh_token')
    if (answer !== undefined && ended.has(answer.code)) return undefined
    last = `${answer?.status} ${answer?.code}`
    await pause(Math.max(Number(answer?.headers['retry-after'] ?? 0) * 1_000, 200))
  }
  cast.recorder.violated('a connection that comes to no end', `${row.provider} ${last}`)
  return undefined
}

const ended = new Set(['attention_required', 'connection_not_active', 'connection_not_found', 'no_refresh_token'])

/** What we hold is what the provider holds. */
function isCurrent(token: string | undefined, { families }: Testimony): boolean {
  const family = families.find(({ id }) => token?.startsWith(`rt_${id}_`))
  return family?.alive === true && family.currentRefreshToken === token
}

/** A call that was in flight when its broker ended is in doubt, up to its deadline before the end. */
const inFlightMs = 12_000

function judgeProvider({ cast, strikesAtMs }: Court, { name, rotates }: ProviderKind, testimony: Testimony): void {
  const { recorder } = cast
  const struck = (atMs: number): boolean =>
    strikesAtMs.some((strike) => strike > atMs - 1_000 && strike < atMs + inFlightMs)
  const unexplained = testimony.repeats.filter(({ firstAtMs }) => rotates && !struck(firstAtMs))
  for (const { family, firstAtMs, againAtMs } of unexplained)
    recorder.violated(
      'a refresh token twice after a clean answer',
      `${name} ${family}, ${againAtMs - firstAtMs} ms apart`,
    )
  if (testimony.codesAgain > 0) recorder.violated('an authorization code twice', `${name}: ${testimony.codesAgain}`)
  for (const request of testimony.lured) recorder.violated("a request to the attacker's origin", `${name} ${request}`)
}

/** Misbehaviour that may rightly end a connection whose grant lives: nobody could tell it from the truth. */
const believable: Record<string, RegExp> = {
  revoked: /^(rt\.|tok\.error_echoes_token|tok\.200_error)/,
  lost_rotation: /^(rt\.|tok\.)/,
  expired: /^rt\./,
  identity_changed: /^(idt|refresh_idt|jwks|disc)\./,
  token_unusable: /^tok\.(crlf|nul|non_ascii|64kb)/,
}

function judgeDeath(
  { cast, world }: Court,
  { id, provider, reason }: Row,
  { families, sufferedByAll }: Testimony,
): void {
  const known: Known | undefined = world.all().find((each) => each.id === id)
  if (known === undefined) return // its consent came to no end that anybody saw
  const own = families.filter(({ subject }) => subject === known.subject)
  const explained = own.some((family) => explains(family, [...family.suffered, ...sufferedByAll], reason ?? 'none'))
  if (!explained) cast.recorder.violated('declared dead while it lives', `${provider} ${reason} ${id}`)
}

function explains({ alive }: Family, suffered: readonly string[], reason: string): boolean {
  const isGrantsEnd = reason === 'revoked' || reason === 'lost_rotation' || reason === 'expired'
  return (isGrantsEnd && !alive) || suffered.some((name) => believable[reason]?.test(name) === true)
}
