// The two programs the tests need besides Node: a Redis server and a Chromium. Found, or installed where that is allowed.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { fail, step } from './steps.js'

const REDIS = ['redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server']

const CHROMIUM = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  '/usr/lib/chromium/chromium',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The environment that tells the tests where the programs are. */
export async function requirePrograms() {
  const { CHROMIUM_PATH } = process.env
  if (CHROMIUM_PATH && !find([CHROMIUM_PATH])) {
    fail(
      `CHROMIUM_PATH is ${CHROMIUM_PATH}, and no program is there`,
      'Correct it, or unset it to search for Chromium.',
    )
  }
  const missing = lookForAll().missing
  if (missing.length > 0 && aptGet()) await install(missing)

  const found = lookForAll()
  if (found.missing.length > 0) {
    fail(`the tests need ${found.missing.join(' and ')}, which cannot be found`, remedy(found.missing))
  }
  return { REDIS_SERVER_PATH: found.redis, CHROMIUM_PATH: found.chromium }
}

function lookForAll() {
  const redis = find(REDIS)
  const chromium = find(process.env.CHROMIUM_PATH ? [process.env.CHROMIUM_PATH] : CHROMIUM)
  return { redis, chromium, missing: [...(redis ? [] : ['redis-server']), ...(chromium ? [] : ['chromium'])] }
}

async function install(packages) {
  // Debian starts the Redis it installs only under systemd. The tests start their own, so it does not matter which.
  const [update, add] = [
    [...aptGet(), 'update'],
    [...aptGet(), 'install', '-y', '--no-install-recommends', ...packages],
  ]
  await step('refreshing the list of system packages (apt-get update)', update, remedy(packages))
  await step(`installing ${packages.join(' and ')} (apt-get install)`, add, remedy(packages))
}

/** The start of an apt-get command that asks nobody anything, or undefined where this user may not run one. */
function aptGet() {
  if (!find(['apt-get'])) return undefined
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get']
  if (process.getuid() === 0) return command
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n', ...command] : undefined
}

function remedy(missing) {
  const names = missing.join(' ')
  const homebrew = missing.map((name) => (name === 'chromium' ? '--cask chromium' : 'redis'))
  return [
    'Install what is missing, then run the same command again:',
    `  Debian:   sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names}`,
    `  Fedora:   sudo dnf install -y ${names.replace('redis-server', 'redis')}`,
    ...homebrew.map((name) => `  Homebrew: brew install ${name}`),
    ...(missing.includes('chromium')
      ? ['Any Chromium or Chrome will do: CHROMIUM_PATH=/path/to/chrome names one that is somewhere else.']
      : []),
  ].join('\n')
}

/** The first of these that is an executable file: a name is looked up on PATH, a path is taken as it is. */
function find(candidates) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return candidates
    .flatMap((candidate) => (isAbsolute(candidate) ? [candidate] : folders.map((folder) => join(folder, candidate))))
    .find(isExecutable)
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
