import type { Response } from 'express'
import { html, type Html } from './html.js'
import { styleElement, styleSource } from './style-sheet.js'

// Owns the frame and the headers of every page. Does not own what stands in it.

/** A page before it has a frame: the title is also its only `<h1>`, unless that is given. */
export type Page = { title: string; heading?: string; main: Html }

/** The whole document. No script, no image, no font: one inline style sheet, allowed by its hash. */
export const renderPage = (page: Page): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex, nofollow" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title}</title>
        ${styleElement}
      </head>
      <body>
        <main>
          <h1>${page.heading ?? page.title}</h1>
          ${page.main}
        </main>
      </body>
    </html> `.toString()

/**
 * Sets the headers of a page (A19: no frame may hold it; nothing of it is kept or tells where it came from).
 *
 * @param formTargets CSP sources that a form of the page may lead to. Browsers apply them to the redirects after a POST too.
 */
export function sendPage(
  response: Response,
  status: number,
  document: string,
  formTargets: readonly string[] = [],
): void {
  const policy = [
    "default-src 'none'",
    `style-src ${styleSource}`,
    `form-action ${formTargets.length === 0 ? "'none'" : formTargets.join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  response.setHeader('Content-Security-Policy', policy.join('; '))
  response.setHeader('X-Frame-Options', 'DENY')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
  response.setHeader('Cache-Control', 'no-store')
  response.status(status).type('html').send(document)
}
