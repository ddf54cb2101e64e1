import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { attributes, html } from '../../../src/http/pages/html.js'

describe('a page template', () => {
  test('lets no text become markup, neither between tags nor in an attribute', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const rendered = html`<p ${attributes({ title: text })}>${text}</p>`.toString()
        expect(rendered.match(/[<>]/g)).toHaveLength(4)
        expect(rendered.match(/"/g)).toHaveLength(2)
        expect(rendered).not.toMatch(/&(?!#\d+;)/)
      }),
    )
  })

  test('keeps markup of its own and leaves out what is undefined', () => {
    const items = ['a', 'b'].map((item) => html`<b>${item}</b>`)
    expect(html`<p>${items}${undefined}</p>`.toString()).toBe('<p><b>a</b><b>b</b></p>')
    expect(attributes({ required: true, max: 3, min: undefined }).join('')).toBe('required max="3" ')
  })
})
