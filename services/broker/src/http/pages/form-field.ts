import type { FormField } from '../../domain/credential-fields.js'
import { attributes, html, type Html } from './html.js'

/** One field as the page shows it: `value` is what it is filled with, `mistake` what is wrong with it. */
export type ShownField = FormField & { id: string; value: string | undefined; mistake: string | undefined }

const longestValue = 8192

/** A label, what helps to fill the field, the control, and what is wrong with it, tied together for screen readers. */
export function renderField(field: ShownField): Html {
  const hint = hintOf(field)
  const label = html`<label for="${field.id}">${field.label}${field.isRequired ? '' : ' (optional)'}</label>`
  const help = hint === undefined ? undefined : html`<p class="hint" id="${field.id}-hint">${hint}</p>`
  const mistake =
    field.mistake === undefined
      ? undefined
      : html`<p class="mistake" id="${field.id}-mistake">${field.label} ${field.mistake}.</p>`
  const control = renderControl(field)
  return field.input === 'checkbox'
    ? html`<div class="field">
        <div class="choice">${control}<label for="${field.id}">${field.label}</label></div>
        ${help}${mistake}
      </div>`
    : html`<div class="field">${label}${help}${control}${mistake}</div>`
}

function renderControl(field: ShownField): Html {
  const shared = sharedAttributes(field)
  switch (field.input) {
    case 'select':
      return html`<select ${attributes(shared)}>
        ${renderOptions(field)}
      </select>`
    case 'textarea':
      return html`<textarea ${attributes({ ...shared, ...typing(field) })}>${field.value}</textarea>`
    case 'checkbox': {
      const checked = (field.value !== undefined && field.value !== 'false') || undefined
      // `required` would demand a tick, the schema only an answer.
      return html`<input ${attributes({ ...shared, required: undefined, type: 'checkbox', value: 'true', checked })} />`
    }
    case 'number':
      return html`<input ${attributes({ ...shared, type: 'number', step: 'any', value: field.value })} />`
    case 'text':
    case 'password': {
      const { value, input: type } = field
      const pattern = browserPattern(field.pattern)
      return html`<input ${attributes({ ...shared, ...typing(field), type, pattern, title: titleOf(field), value })} />`
    }
  }
}

function sharedAttributes(field: ShownField) {
  const descriptions = [
    hintOf(field) === undefined ? [] : [`${field.id}-hint`],
    field.mistake === undefined ? [] : [`${field.id}-mistake`],
  ].flat()
  return {
    id: field.id,
    name: field.name,
    required: field.isRequired || undefined,
    autocomplete: 'off',
    'aria-describedby': descriptions.length === 0 ? undefined : descriptions.join(' '),
    'aria-invalid': field.mistake === undefined ? undefined : 'true',
  } as const
}

const typing = (field: ShownField) =>
  ({
    maxlength: Math.min(field.maxLength ?? longestValue, longestValue),
    spellcheck: 'false',
    autocapitalize: 'none',
    autocorrect: 'off',
  }) as const

// Browsers compile patterns with the v flag, which refuses classes such as [a-z-]; the server checks in any case.
function browserPattern(pattern: string | undefined): string | undefined {
  if (pattern === undefined) return undefined
  try {
    return new RegExp(pattern, 'v') instanceof RegExp ? pattern : undefined
  } catch {
    return undefined
  }
}

// Browsers show the title when the value does not match the pattern.
const titleOf = (field: ShownField): string | undefined => (field.pattern === undefined ? undefined : hintOf(field))

function hintOf({ description, example }: ShownField): string | undefined {
  if (example === undefined) return description
  return description === undefined ? `For example: ${example}` : `${description} (for example: ${example})`
}

function renderOptions(field: ShownField): Html[] {
  const choices = field.options.map((option) => {
    const selected = option === field.value || undefined
    return html`<option ${attributes({ value: option, selected })}>${option}</option>`
  })
  return [html`<option value="">Choose…</option>`, ...choices]
}
