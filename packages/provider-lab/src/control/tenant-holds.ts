import type { HoldPoint } from '../holds.js'
import type { LabProvider } from '../provider.js'

export type HoldView = { hold: string; point: HoldPoint; reached: boolean }

/** Holds by name, so that one request of the control API can set one and another let it go. */
export type TenantHolds = {
  set(provider: LabProvider, point: HoldPoint): HoldView
  find(provider: LabProvider, name: string): HoldView | undefined
  /** As find, after a request stands at the point or `ms` have passed. */
  reached(provider: LabProvider, name: string, ms: number): Promise<HoldView | undefined>
  /** Lets one go, or all without a name; the number released. */
  release(provider: LabProvider, name: string | undefined): number
}

type Entry = { view: HoldView; arrival: Promise<void>; release: () => void }

export function createTenantHolds(): TenantHolds {
  const byProvider = new WeakMap<LabProvider, Map<string, Entry>>()
  let count = 0

  const entriesOf = (provider: LabProvider): Map<string, Entry> => {
    const entries = byProvider.get(provider) ?? new Map<string, Entry>()
    byProvider.set(provider, entries)
    return entries
  }
  const find = (provider: LabProvider, name: string): HoldView | undefined => entriesOf(provider).get(name)?.view

  return {
    set: (provider, point) => {
      count += 1
      const { reached, release } = provider.hold(point)
      const view: HoldView = { hold: `h${count}`, point, reached: false }
      const arrival = reached.then(() => {
        view.reached = true
      })
      entriesOf(provider).set(view.hold, { view, arrival, release })
      return view
    },
    find,
    reached: async (provider, name, ms) => {
      const entry = entriesOf(provider).get(name)
      if (entry) await Promise.race([entry.arrival, afterMs(ms)])
      return entry?.view
    },
    release: (provider, name) => {
      const entries = entriesOf(provider)
      const names = name === undefined ? [...entries.keys()] : entries.has(name) ? [name] : []
      for (const each of names) {
        entries.get(each)?.release()
        entries.delete(each)
      }
      return names.length
    },
  }
}

const afterMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref())
