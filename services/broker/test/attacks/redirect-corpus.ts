// Owns URLs that lead away from https://app.example.com although they look as if they did not: every family of open
// redirect tricks applied to a few spellings of a foreign host. Does not own what is allowed.

const trusted = 'app.example.com'
const foreign = ['evil.example', 'evil.example:443', '93.184.216.34', '[2606:4700::1]', 'xn--evl-6pa.example']
const tails = ['', '/', '/done', '?next=1', '#x', '/..', '//']

type Family = (evil: string) => string[]

const families: Family[] = [
  (evil) => [`https://${evil}`, `HTTPS://${evil}`, `https:${evil}`, `https:/${evil}`, `https:///${evil}`, `//${evil}`, `/${evil}`],
  (evil) => [`https://${trusted}@${evil}`, `https://${trusted}:pw@${evil}`, `https://${trusted}%40${evil}`, `https://@${evil}`],
  (evil) => [`https://${evil}\\@${trusted}`, `https://${evil}\\.${trusted}`, `https:\\\\${evil}`, `https://${trusted}\\@${evil}`],
  (evil) => [`https://${trusted}.${evil}`, `https://${trusted}%2e${evil}`, `https://${trusted}。${evil}`, `https://${trusted}．${evil}`],
  (evil) => [`https://${evil}/${trusted}`, `https://${evil}?${trusted}`, `https://${evil}#${trusted}`, `https://${evil}/@${trusted}`],
  (evil) => [`https://${evil}\t`, `ht\ntps://${evil}`, ` https://${evil}`, `https://${trusted}\r\n@${evil}`, `https://\u0000${evil}`],
  (evil) => [`https://${trusted}:443@${evil}`, `https://${trusted};@${evil}`, `https://${trusted}&@${evil}`, `https://${trusted}%23@${evil}`],
  (evil) => [`javascript://${trusted}/%0aalert(1)//${evil}`, `data://${trusted},${evil}`, `ftp://${trusted}`, `http://${trusted}`],
] // prettier-ignore

export const redirectCorpus: readonly string[] = [
  ...new Set(foreign.flatMap((evil) => families.flatMap((family) => family(evil))).flatMap((url) => tails.map((tail) => url + tail))),
] // prettier-ignore
