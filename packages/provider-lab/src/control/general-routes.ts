import { presets } from '../presets/catalogue.js'
import { switchList } from '../switches/switch-list.js'
import { fieldsOf } from './fields.js'
import { ControlError, orConflict } from './problem.js'
import { created, ok, type Route } from './route.js'
import { readTenant } from './tenant-input.js'
import { tenantView } from './tenant-view.js'

/** The lists, and making a provider. */
export const generalRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/ctl/switches',
    does: 'every misbehaviour, and what a correct client makes of it',
    answer: () => ok(switchList()),
  },
  {
    method: 'GET',
    path: '/ctl/presets',
    does: 'the providers that can be imitated',
    answer: () =>
      ok(Object.entries(presets).map(([name, { does, switches }]) => ({ name, does, switches: switches() }))),
  },
  {
    method: 'GET',
    path: '/ctl/t',
    does: 'the providers there are',
    answer: ({ lab }) => ok(lab.providers().map(tenantView)),
  },
  {
    method: 'POST',
    path: '/ctl/t',
    does: 'a new provider: {preset, id, seed, ttl_seconds, switches, client_id, client_secret, refresh, …}, all optional',
    answer: ({ lab, body }) => {
      const options = readTenant(body)
      return created(orConflict('not created', () => tenantView(lab.createProvider(options))))
    },
  },
  {
    method: 'POST',
    path: '/ctl/certificate',
    does: "a key and a certificate of the lab's authority: {names}; for a client, its client_id",
    answer: ({ lab, body }) => {
      const fields = fieldsOf(body ?? {})
      const names = fields.texts('names') ?? []
      fields.end()
      if (names.length === 0) throw new ControlError(400, 'missing member', 'the body must have a member names')
      return created(orConflict('not issued', () => lab.issueCertificate({ names })))
    },
  },
]
