// Owns escaping: every page is made of `html` templates, and whatever is put into one is escaped here.
// Does not own layout, headers or routes.

/** Markup that is safe to send: only `html` makes it. */
export class Html {
  readonly #markup: string
  constructor(strings: readonly string[], values: readonly HtmlValue[]) {
    this.#markup = strings.reduce((markup, text, index) => markup + render(values[index - 1]) + text)
  }
  toString(): string {
    return this.#markup
  }
}

/** Text is escaped, markup and lists of it are not; undefined renders as nothing. */
export type HtmlValue = Html | readonly HtmlValue[] | string | number | undefined

/** Joins markup with values. Attribute values must stand in double quotes; never put a value into a script or style. */
export const html = (strings: TemplateStringsArray, ...values: HtmlValue[]): Html => new Html(strings, values)

function render(value: HtmlValue): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.toString()
  if (typeof value === 'object') return value.map(render).join('')
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Attributes of one element; `true` is an attribute without a value, undefined leaves it out. Names are ours, never input. */
export const attributes = (values: Readonly<Record<string, string | number | true | undefined>>): Html[] =>
  Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined) return []
    return new Html(value === true ? [`${name} `] : [`${name}="`, '" '], [value === true ? '' : value])
  })
