/** A form as its page offers it: `fields` holds the values it would send untouched. `action` is absolute. */
export type Form = { action: string; method: 'get' | 'post'; fields: Record<string, string> }

/** Reads the forms of a simple server-made page. Not an HTML parser: scripts, selects and nesting are not understood. */
export function parseForms(html: string, pageUrl: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, attributes = '', body = '']) => {
    const form = parseAttributes(attributes)
    return {
      action: new URL(form.get('action') ?? '', pageUrl).href,
      method: form.get('method')?.toLowerCase() === 'post' ? 'post' : 'get',
      fields: parseFields(body),
    }
  })
}

function parseFields(body: string): Record<string, string> {
  const fields: [string, string][] = []
  for (const [, attributes = ''] of body.matchAll(/<(?:input|textarea)\b([^>]*)>/gi)) {
    const input = parseAttributes(attributes)
    const name = input.get('name')
    const isChoice = input.get('type') === 'checkbox' || input.get('type') === 'radio'
    if (name === undefined || input.get('type') === 'submit' || (isChoice && !input.has('checked'))) continue
    fields.push([name, input.get('value') ?? (isChoice ? 'on' : '')])
  }
  return Object.fromEntries(fields)
}

function parseAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const [, name = '', double, single, bare] of text.matchAll(
    /([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
  )) {
    attributes.set(name.toLowerCase(), unescapeHtml(double ?? single ?? bare ?? ''))
  }
  return attributes
}

const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescapeHtml(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole: string, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      return NAMED[name ?? ''] ?? whole
    },
  )
}
