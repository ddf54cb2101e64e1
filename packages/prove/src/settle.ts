import { setTimeout as pause } from 'node:timers/promises'
import { call } from './broker-api.js'
import type { Stage, StageProvider } from './stage.js'

// Owns the quiet after the faults: whatever a fault left open is brought to its end, as the next reads would have done.

const deadlineMs = 90_000
const atOnce = 16

/**
 * Refreshes every connection of the provider once more, the ones in doubt first. Answers how many of those refreshes worked;
 * the others were declared dead. Throws when a connection comes to no end.
 */
export async function settle(stage: Stage, provider: StageProvider): Promise<{ worked: number }> {
  const rows = await stage.database.rows<{ id: string }>(
    `select id from connections where provider_id = $1 and status = 'active' order by attempt_state = 'idle'`,
    [provider.id],
  )
  const giveUpAtMs = performance.now() + deadlineMs
  let worked = 0
  const work = async (): Promise<void> => {
    for (let row = rows.shift(); row !== undefined; row = rows.shift())
      if (await refreshToTheEnd(stage, row.id, giveUpAtMs)) worked++
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { worked }
}

async function refreshToTheEnd({ fleet }: Stage, connectionId: string, giveUpAtMs: number): Promise<boolean> {
  let last = 'no answer'
  for (let turn = 0; performance.now() < giveUpAtMs; turn++) {
    const url = fleet.urls[turn % fleet.urls.length] ?? ''
    try {
      const { status, headers, body } = await call('POST', `${url}/connections/${connectionId}/refresh`)
      if (status === 200) return true
      if (body.get('code') === 'attention_required') return false
      last = `${status} ${String(body.get('code'))}`
      await pause(Math.max(Number(headers['retry-after'] ?? 0) * 1000, 100))
    } catch (error) {
      last = String(error)
      await pause(100)
    }
  }
  throw new Error(`connection ${connectionId} came to no end: ${last}`)
}
