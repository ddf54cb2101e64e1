// Owns which providers there are: their ids, their age, their number. Does not own what a provider does.
import type { LabProviderOptions } from './options.js'
import { presets, type PresetName } from './presets/catalogue.js'
import { createProviderSurface, type LabProvider } from './provider.js'
import type { Origins } from './origins.js'
import { createState, type ProviderState } from './state.js'
import type { LabSwitchMode } from './switches/board.js'
import type { LabSwitch } from './switches/catalogue.js'

export type TenantOptions = LabProviderOptions & {
  /** A path segment of letters, digits, `-` and `_`. Default p1, p2 and so on. */
  id?: string
  /** A real provider's ways; every other option and switch given here goes on top. */
  preset?: PresetName
  /** Turned on from the start. */
  switches?: Partial<Record<LabSwitch, LabSwitchMode>>
  /** Of this provider alone; default the lab's. */
  seed?: number
  /** Gone after this long without a request, in real milliseconds. Default: it stays. */
  ttlMs?: number
}

export type TenantLimits = {
  seed: number
  /** Requests one journal keeps. */
  journalSize: number
  /** Providers at a time. */
  maxProviders: number
  nowMs(): number
}

export type Tenants = {
  /** Throws a sentence when the id is taken or malformed, or when there are too many. */
  add(options: TenantOptions, origins: Origins): LabProvider
  /** The provider for a request of its own; counts as use. */
  serving(id: string): ProviderState | undefined
  find(id: string): LabProvider | undefined
  list(): LabProvider[]
  /** Lets go of its holds and forgets it. False when there was none. */
  remove(id: string): boolean
}

type Tenant = { state: ProviderState; surface: LabProvider; ttlMs: number; usedAtMs: number }

const idForm = /^[A-Za-z0-9_-]{1,64}$/

export function createTenants({ seed, journalSize, maxProviders, nowMs }: TenantLimits): Tenants {
  const tenants = new Map<string, Tenant>()
  let created = 0

  const remove = (id: string): boolean => {
    tenants.get(id)?.state.holds.releaseAll()
    return tenants.delete(id)
  }
  // No timer: what nobody asks for is dropped when somebody asks for something.
  const sweep = (): void => {
    for (const [id, { usedAtMs, ttlMs }] of tenants) if (nowMs() - usedAtMs > ttlMs) remove(id)
  }
  const freshId = (): string => {
    do created += 1
    while (tenants.has(`p${created}`))
    return `p${created}`
  }

  return {
    add: ({ id = freshId(), preset, switches, ttlMs = Infinity, ...own }, origins) => {
      sweep()
      if (!idForm.test(id)) throw new Error(`'${id}' is no id: 1 to 64 letters, digits, - and _`)
      if (tenants.has(id)) throw new Error(`there is a provider '${id}' already: choose another id or delete it first`)
      if (tenants.size >= maxProviders) throw new Error(`the lab is full with ${maxProviders} providers: delete some`)
      const base = preset === undefined ? undefined : presets[preset]
      const options = { ...base?.options, ...own }
      const state = createState({ id, seed: own.seed ?? seed, origins, journalSize, options })
      const surface = createProviderSurface(state)
      for (const [name, how] of Object.entries({ ...base?.switches(), ...switches })) {
        surface.turnOn(name as LabSwitch, how)
      }
      tenants.set(id, { state, surface, ttlMs, usedAtMs: nowMs() })
      return surface
    },
    serving: (id) => {
      const tenant = tenants.get(id)
      if (!tenant) return undefined
      const isOver = nowMs() - tenant.usedAtMs > tenant.ttlMs
      if (isOver) remove(id)
      else tenant.usedAtMs = nowMs()
      return isOver ? undefined : tenant.state
    },
    find: (id) => {
      sweep()
      return tenants.get(id)?.surface
    },
    list: () => {
      sweep()
      return [...tenants.values()].map(({ surface }) => surface)
    },
    remove,
  }
}
