import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

// Owns how the tests of this folder read the repository's own files. Does not own what they claim about them.

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** The path on this machine of something in the repository. */
export const pathOf = (path: string): string => root + path

export const readText = (path: string): string => readFileSync(pathOf(path), 'utf8')

/** Paths of the files under a folder that end in `ending`, at any depth. */
export function listFiles(folder: string, ending: string): string[] {
  return readdirSync(pathOf(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
}

export type ComposeService = {
  image: string
  build?: { dockerfile: string }
  user?: string
  command?: string[]
  restart: string
  read_only: boolean
  cap_drop: string[]
  security_opt: string[]
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  networks: string[]
  stop_grace_period?: string
  healthcheck?: { test?: string[]; disable?: boolean }
  depends_on?: Record<string, { condition: string }>
}

export type Compose = {
  services: Record<string, ComposeService>
  networks: Record<string, { internal?: boolean } | null>
}

export const readCompose = (): Compose => parse(readText('docker-compose.yml'), { merge: true }) as Compose

export type ScrapeJob = { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }
export type AlertRule = {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export const readScrapeJobs = (): ScrapeJob[] =>
  (parse(readText('deploy/prometheus/prometheus.yml')) as { scrape_configs: ScrapeJob[] }).scrape_configs

export const readAlertRules = (): AlertRule[] =>
  (parse(readText('deploy/prometheus/alerts.yml')) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(
    (group) => group.rules,
  )

export type Manifest = { dependencies?: Record<string, string> }

export const readManifest = (folder: string): Manifest => JSON.parse(readText(`${folder}/package.json`)) as Manifest
