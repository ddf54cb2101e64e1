import type { ProviderLab } from '../lab.js'
import type { LabProvider } from '../provider.js'
import { ControlError } from './problem.js'
import type { TenantHolds } from './tenant-holds.js'

export type ControlCall = {
  lab: ProviderLab
  holds: TenantHolds
  /** Path parameters by name. */
  params: Record<string, string>
  query: URLSearchParams
  /** The JSON body; undefined when there was none. */
  body: unknown
}

export type ControlAnswer = { status: number; body: unknown }

export type Route<Call = ControlCall> = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With `{name}` for a parameter. */
  path: string
  /** One line for the list at GET /ctl: what it does and what its body may have. */
  does: string
  answer(call: Call): ControlAnswer | Promise<ControlAnswer>
}

export type TenantCall = ControlCall & { provider: LabProvider }

/** A route below /ctl/t/{id}: 404 unless there is that provider. */
export const onProvider = (route: Route<TenantCall>): Route => ({
  ...route,
  answer: (call) => {
    const provider = call.lab.findProvider(call.params['id'] ?? '')
    if (provider) return route.answer({ ...call, provider })
    const detail = `there is no provider '${call.params['id']}': GET /ctl/t lists them, POST /ctl/t makes one`
    throw new ControlError(404, 'no such provider', detail)
  },
})

export const ok = (body: unknown): ControlAnswer => ({ status: 200, body })
export const created = (body: unknown): ControlAnswer => ({ status: 201, body })
export const noContent: ControlAnswer = { status: 204, body: undefined }
