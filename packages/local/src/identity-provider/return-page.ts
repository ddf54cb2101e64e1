import type { IncomingMessage, ServerResponse } from 'node:http'

/** Where a person lands after a demo consent. It stands for the application that asked for the connection. */
export const RETURN_PATH = '/demo-app/connected'

const OUTCOMES = ['status', 'connection_id', 'provider', 'error'] as const

/** Shows what the broker handed back in the query. */
export function returnPage(request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams
  const rows = OUTCOMES.flatMap((name) => {
    const value = query.get(name)
    return value === null ? [] : [`<dt>${name}</dt><dd><code>${escapeHtml(value)}</code></dd>`]
  })
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
  })
  response.end(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Back at the application</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:4rem auto;padding:0 1rem}dt{color:#555}</style>
<h1>Back at the application</h1>
<p>This page stands for the application that asked for the connection. The broker returned:</p>
<dl>${rows.join('')}</dl>
<p>You can close this tab.</p></html>`)
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
