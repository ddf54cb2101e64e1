import type { Dice } from './dice.js'

// Owns what the actors know of each other's connections. Does not own what the brokers or providers know.

export type Tenant = {
  name: string
  key: string
  /** A client that may also read refresh tokens. */ auditorKey: string
}

export type Known = {
  id: string
  tenant: Tenant
  provider: string
  /** The account at the provider, of this connection alone: a token of another account is somebody else's. */
  subject: string
  /** The newest token that was served, as [family, generation]. */
  newest: readonly [number, number]
  version: number
  /** Somebody walks it through a consent or ends it: others leave its state alone. */
  isBusy: boolean
}

export type World = {
  tenants: readonly Tenant[]
  add(connection: Pick<Known, 'id' | 'tenant' | 'provider' | 'subject'>): Known
  forget(connection: Known): void
  all(): readonly Known[]
  of(tenant: Tenant): readonly Known[]
  /** Nobody else walks with it until `release`. */
  takeIdle(dice: Dice, tenant: Tenant): Known | undefined
  release(connection: Known): void
  newSubject(tenant: Tenant): string
}

export function createWorld(tenants: readonly Tenant[]): World {
  const connections = new Set<Known>()
  let subjects = 0
  const of = (tenant: Tenant): Known[] => [...connections].filter((each) => each.tenant === tenant)
  return {
    tenants,
    add(found) {
      const known: Known = { ...found, newest: [0, 0], version: 0, isBusy: false }
      connections.add(known)
      return known
    },
    forget: (connection) => void connections.delete(connection),
    all: () => [...connections],
    of,
    takeIdle(dice, tenant) {
      const taken = dice.pick(of(tenant).filter(({ isBusy }) => !isBusy))
      if (taken !== undefined) taken.isBusy = true
      return taken
    },
    release: (connection) => void (connection.isBusy = false),
    newSubject: (tenant) => `person-${tenant.name}-${subjects++}`,
  }
}
