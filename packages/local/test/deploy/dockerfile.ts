export type Instruction = { name: string; text: string }
export type Stage = { name: string; base: string; instructions: Instruction[] }

/** The stages of a Dockerfile, comments and line continuations resolved. Throws when an instruction precedes the first stage. */
export function parseDockerfile(text: string): { globals: Record<string, string>; stages: Stage[] } {
  const globals: Record<string, string> = {}
  const stages: Stage[] = []
  for (const line of text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter(Boolean)) {
    // prettier-ignore
    const [, name = '', rest = ''] = /^\s*([A-Z]+) (.*)$/.exec(line) ?? []
    const stage = stages.at(-1)
    if (name === 'FROM') stages.push(parseStage(rest, globals))
    else if (stage !== undefined) stage.instructions.push({ name, text: rest })
    else if (name === 'ARG') globals[rest.slice(0, rest.indexOf('='))] = rest.slice(rest.indexOf('=') + 1)
    else throw new Error(`not in a stage: ${line}`)
  }
  return { globals, stages }
}

function parseStage(text: string, globals: Record<string, string>): Stage {
  const [image = '', name = ''] = text.split(' AS ')
  return {
    name,
    base: image.replace(/\$\{(\w+)\}/g, (_, variable: string) => globals[variable] ?? ''),
    instructions: [],
  }
}

/** Texts of the instructions of one name. */
export const textsOf = (stage: Stage, name: string): string[] =>
  stage.instructions.filter((each) => each.name === name).map((each) => each.text)
