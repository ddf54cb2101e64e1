export const defences: readonly { name: string; file: string; from: string; to: string; tests: readonly string[] }[]
