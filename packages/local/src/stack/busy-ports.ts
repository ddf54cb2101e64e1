import { bindable } from '../free-port.js'
import { Problem } from '../problem.js'
import { PORT_NAMES, PORT_SETTINGS, type Ports } from './services.js'

/** Throws one Problem that names every port in use and the setting that changes it. */
export async function refuseBusyPorts(ports: Ports): Promise<void> {
  const busy: string[] = []
  for (const name of PORT_NAMES) {
    const { title, flag, variable } = PORT_SETTINGS[name]
    if ((await bindable(ports[name])) !== undefined) continue
    busy.push(
      `port ${ports[name]} (${title}) is taken: stop what uses it, or start with --${flag} <n> or ${variable}=<n>`,
    )
  }
  if (busy.length > 0) throw new Problem(busy.join('\n'))
}
