import { createHash } from 'node:crypto'
import { Html } from './html.js'

// Every colour pair keeps a contrast of at least 4.5:1 for text and 3:1 for borders and focus (WCAG 1.4.3, 1.4.11).
const styleSheet = `
:root {
  color-scheme: light dark;
  --ground: #eef1f6; --card: #ffffff; --text: #161b26; --soft: #4d5769; --line: #7d879a;
  --accent: #1d4fd8; --on-accent: #ffffff; --error: #b3131c; --error-ground: #fdf0f0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1218; --card: #181e28; --text: #eef1f6; --soft: #b0bac9; --line: #76829a;
    --accent: #8db2ff; --on-accent: #0b1220; --error: #ff9c9c; --error-ground: #331a1d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 1.5rem 1rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  display: grid; align-content: start; justify-items: center; overflow-wrap: anywhere;
}
main {
  width: 100%; max-width: 30rem; padding: 1.5rem; background: var(--card); border-radius: 14px;
  box-shadow: 0 1px 2px rgb(0 0 0 / .12), 0 12px 32px rgb(0 0 0 / .08);
}
@media (min-width: 34rem) { body { align-content: center; } main { padding: 2.25rem; } }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 0 0 .25rem; font-size: 1rem; }
p { margin: 0 0 1rem; }
.soft { color: var(--soft); font-size: .875rem; }
.field { margin: 0 0 1.25rem; }
label { display: block; margin: 0 0 .25rem; font-weight: 600; }
.choice { display: flex; gap: .625rem; align-items: center; }
.choice label { margin: 0; }
.hint { margin: 0 0 .375rem; color: var(--soft); font-size: .875rem; }
.mistake { margin: .375rem 0 0; color: var(--error); font-size: .875rem; font-weight: 600; }
input, select, textarea {
  width: 100%; min-height: 2.75rem; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); color: inherit; font: inherit;
}
textarea { min-height: 7rem; resize: vertical; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
input[type="checkbox"] { width: 1.375rem; min-height: 1.375rem; margin: 0; flex: none; accent-color: var(--accent); }
[aria-invalid="true"] { border: 2px solid var(--error); }
button {
  width: 100%; min-height: 3rem; padding: .625rem 1rem; border: 0; border-radius: 8px; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer;
}
button:hover { filter: brightness(1.1); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.summary {
  margin: 0 0 1.25rem; padding: .875rem 1rem; border-left: 4px solid var(--error); border-radius: 6px;
  background: var(--error-ground);
}
.summary ul { margin: 0; padding-left: 1.25rem; }
.summary p { margin: .5rem 0 0; }
.summary a { color: var(--error); }
footer { margin-top: 1.25rem; padding-top: 1rem; border-top: 1px solid var(--line); }
footer p { margin: 0; }
`

/** The one style element of every page, and the CSP source that allows exactly its text. */
export const styleElement = new Html([`<style>${styleSheet}</style>`], [])
export const styleSource = `'sha256-${createHash('sha256').update(styleSheet).digest('base64')}'`
