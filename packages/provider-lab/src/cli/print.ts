import type { Control } from '../control/server.js'
import type { LabDns } from '../dns/server.js'
import type { JournalEntry } from '../journal.js'
import { presetList } from '../presets/catalogue.js'
import type { LabProvider } from '../provider.js'
import { switchList } from '../switches/switch-list.js'

export type Beside = { control: Control; dns: LabDns | undefined; caPath: string | undefined }

/** Everything a client has to be configured with, and the first thing to try. */
export function banner(provider: LabProvider, { control, dns, caPath }: Beside): string {
  const curl = caPath === undefined ? 'curl' : `curl --cacert ${caPath}`
  const active = provider.switches()
  return `provider       ${provider.issuer}
discovery      ${provider.issuer}/.well-known/openid-configuration
client_id      ${provider.clientId}
client_secret  ${provider.clientSecret}
switches       ${active.length === 0 ? 'none: this provider is honest' : describe(active.map(({ name }) => name))}
control API    ${control.url}/ctl
${dns === undefined ? '' : `DNS            ${dns.host} port ${dns.port}, UDP\n`}${caPath === undefined ? '' : `CA certificate ${caPath}\nbroken TLS     ${Object.values(provider.tlsFaultUrls).join(' ')}\n`}
A consent, as a browser would; the code is in the Location:
  ${curl} -si '${provider.authorizationEndpoint}?response_type=code&client_id=${provider.clientId}&redirect_uri=http://localhost/cb&scope=openid&state=s1&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&code_challenge_method=S256' | grep -i ^location
A grant without a browser, then a refresh of it:
  TOKEN=$(curl -s -XPOST ${control.url}/ctl/t/${provider.id}/issue | sed 's/.*"refresh_token":"\\([^"]*\\)".*/\\1/')
  ${curl} -si ${credentialsOf(provider)} -d grant_type=refresh_token -d refresh_token=$TOKEN ${provider.tokenEndpoint}
Misbehave, and see why a client failed:
  curl -s -XPUT ${control.url}/ctl/t/${provider.id}/switch/tok.reset_after_rotate
  curl -s ${control.url}/ctl/t/${provider.id}/journal

Ctrl-C ends it. Requests:
`
}

/** As options of curl. */
function credentialsOf({ clientId, clientSecret, clientAuth }: LabProvider): string {
  if (clientAuth === 'none') return `-d client_id=${clientId}`
  if (clientAuth === 'client_secret_post') return `-d client_id=${clientId} -d client_secret=${clientSecret}`
  return `-u '${clientId}:${clientSecret}'`
}

/** One line for a request: what was asked, what was answered, and which switches made it so. */
export function requestLine({ seq, method, path, endpoint, answered, switches }: JournalEntry): string {
  const answer = answered ? String(answered.status) : 'no answer'
  const why = switches.length === 0 ? '' : `  ${switches.join(' ')}`
  return `${String(seq).padStart(5)} ${endpoint.padEnd(10)} ${method} ${path} ${answer}${why}\n`
}

export function switchTable(): string {
  const entries = switchList()
  const families = [...new Set(entries.map(({ family }) => family))]
  const section = (family: string): string =>
    entries
      .filter((entry) => entry.family === family)
      .map(
        ({ name, does, expect }) =>
          `  ${name.padEnd(34)} ${does}\n${' '.repeat(37)}-> ${expect.outcome}: ${expect.because}\n`,
      )
      .join('')
  return families.map((family) => `${family}\n${section(family)}`).join('\n')
}

export const presetTable = (): string =>
  presetList()
    .map(({ name, does }) => `  ${name.padEnd(12)} ${does}\n`)
    .join('')

function describe(names: readonly string[]): string {
  return names.length <= 6 ? names.join(' ') : `${names.length}, such as ${names.slice(0, 3).join(' ')}`
}
