import type { FormField } from '../../domain/credential-fields.js'
import type { FieldProblem } from '../../domain/credential-schema.js'
import { renderField, type ShownField } from './form-field.js'
import { html, type Html } from './html.js'
import { renderPage } from './layout.js'

export type FormPage = {
  /** What the page asks for decides its words. */
  asksFor: 'credentials' | 'variables' | 'confirmation'
  providerName: string
  /** Host of the application the person returns to. */
  returnHost: string
  /** Whom the application asked for, in its own words; shown where the application will complete the connection. */
  workspace: string | undefined
  /** What the provider will be asked for. */
  scopes: readonly string[]
  fields: readonly FormField[]
  /** What was submitted; secret values of it are not shown again. */
  submitted: Readonly<Record<string, unknown>>
  problems: readonly FieldProblem[]
  csrfToken: string
}

/** The page on which a person types in what a provider needs. It works without script, with a keyboard and on a phone. */
export function renderFormPage(page: FormPage): string {
  const fields = page.fields.map((field, index) => showField(page, field, index))
  const title = `Connect ${page.providerName}`
  return renderPage({
    title: page.problems.length > 0 ? `Error: ${title}` : title,
    heading: title,
    main: html`
      ${introduction(page)} ${forWhom(page)} ${summary(page, fields)}
      <form method="post" autocomplete="off">
        <input type="hidden" name="_csrf" value="${page.csrfToken}" />
        ${fields.map(renderField)}
        <button type="submit">${page.asksFor === 'credentials' ? 'Connect' : 'Continue'}</button>
      </form>
      <footer><p class="soft">${promise(page)}</p></footer>
    `,
  })
}

function showField(page: FormPage, field: FormField, index: number): ShownField {
  const given = page.submitted[field.name]
  // Once a form was sent, an unchecked box is an answer and not its default.
  const wasSent = page.problems.length > 0
  const shown = typeof given === 'string' ? given : wasSent ? undefined : field.initial
  return {
    ...field,
    id: `field-${index + 1}`,
    value: field.isSecret ? undefined : shown,
    mistake: page.problems.find((problem) => problem.field === field.name)?.message,
  }
}

function introduction({ asksFor, returnHost, providerName }: FormPage): Html {
  if (asksFor === 'variables')
    return html`<p>
      Before you sign in to ${providerName} for <strong>${returnHost}</strong>, tell us where your account is.
    </p>`
  return html`<p>The application at <strong>${returnHost}</strong> asks to use your ${providerName} account.</p>`
}

/** A link can be sent on: whoever reads this can tell whether it was meant for them (A5). */
function forWhom({ workspace, scopes, asksFor }: FormPage): Html | undefined {
  if (workspace === undefined) return undefined
  const asked = scopes.map((scope) => html`<li><code>${scope}</code></li>`)
  return html`<p>
      It will be connected to <strong>${workspace}</strong> there. If that is not you, or somebody sent you this link,
      close this page.
    </p>
    ${
      asksFor === 'confirmation' && asked.length > 0
        ? html`<p>It asks for:</p>
            <ul>
              ${asked}
            </ul>`
        : undefined
    }`
}

const promise = (page: FormPage): string =>
  page.asksFor === 'credentials'
    ? 'What you enter is stored encrypted and is never shown again, neither here nor to other people.'
    : `You will sign in at ${page.providerName} itself; your password is never entered here.`

/** Lists every mistake with a link to its field; it takes the focus, so that a screen reader begins with it. */
function summary(page: FormPage, fields: readonly ShownField[]): Html | undefined {
  if (page.problems.length === 0) return undefined
  const items = page.problems.map((problem) => {
    const field = fields.find(({ name }) => name === problem.field)
    return field === undefined
      ? html`<li>${sentence(page, problem)}</li>`
      : html`<li><a href="#${field.id}">${field.label} ${problem.message}</a></li>`
  })
  const again = fields.some(({ isSecret }) => isSecret)
    ? html`<p class="soft">Secret values have to be entered again.</p>`
    : undefined
  return html`<div class="summary" role="alert" tabindex="-1" autofocus aria-labelledby="summary-title">
    <h2 id="summary-title">Please check what you entered</h2>
    <ul>
      ${items}
    </ul>
    ${again}
  </div>`
}

const sentence = (page: FormPage, problem: FieldProblem): string =>
  `${page.asksFor === 'credentials' ? 'The credentials' : 'The values'} ${problem.message}`
