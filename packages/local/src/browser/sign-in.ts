import { Problem } from '../problem.js'
import type { Browser, Page } from './browser.js'

const MAX_PAGES = 6

/**
 * Opens an authorization URL and answers the broker's page that says for whom the consent is, if there is one, and the demo
 * identity provider's (sign in, then consent) until they lead somewhere else; returns the page it ended on.
 *
 * @throws Problem when the pages do not end.
 */
export async function signInAndConsent(browser: Browser, authUrl: string, login: string): Promise<Page> {
  let page = await browser.open(authUrl)
  for (let step = 0; step < MAX_PAGES; step++) {
    const form = page.forms.find(({ fields }) => '_csrf' in fields || /^(login|consent)$/.test(fields['prompt'] ?? ''))
    if (form === undefined) return page
    page = await browser.submit(form, form.fields['prompt'] === 'login' ? { login, password: 'demo' } : {})
  }
  throw new Problem(`the pages did not end after ${MAX_PAGES} forms`)
}
