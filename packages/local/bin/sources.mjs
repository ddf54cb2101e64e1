import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

function* workspaces(root) {
  for (const group of ['packages', 'services']) {
    for (const name of readdirSync(join(root, group))) {
      if (existsSync(join(root, group, name, 'src'))) yield join(root, group, name)
    }
  }
  yield join(root, 'bench')
}

/** When anything the compiler reads was last changed, in ms. Directories count too: they show what was deleted. */
export function newestSourceMs(root) {
  let newest = changedMs(join(root, 'tsconfig.base.json'))
  for (const workspace of workspaces(root)) {
    newest = Math.max(newest, changedMs(join(workspace, 'tsconfig.json')), changedMs(join(workspace, 'package.json')))
    newest = Math.max(newest, changedMs(join(workspace, 'src')))
    for (const entry of readdirSync(join(workspace, 'src'), { recursive: true })) {
      newest = Math.max(newest, changedMs(join(workspace, 'src', entry)))
    }
  }
  return newest
}

/** Whether a workspace has sources and no compiled output at all, as after `rm -rf dist`. */
export function missingOutput(root) {
  return [...workspaces(root)].some((workspace) => !existsSync(join(workspace, 'dist')))
}

function changedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}
