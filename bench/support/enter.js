import { signIn } from './browser.js'
import { freePort, has, start } from './processes.js'
import { startSurroundings } from './surroundings.js'

/** What contenders get to know, and those that `left`, with the reason: they are not counted. */
export async function enter(suite, only) {
  const contenders = suite.contenders.filter(({ name }) => name.includes(only)).map((entry) => ({ ...entry }))
  for (const contender of contenders) {
    contender.port = await freePort()
    contender.origin = `http://127.0.0.1:${contender.port}`
    contender.headers = {}
  }
  const surroundings = await startSurroundings(contenders)
  const left = {}
  for (const { name, program, debian, isInstalled } of contenders) {
    if (program === undefined || (has(program) && isInstalled?.() !== false)) continue
    left[name] = `is not installed. Debian: sudo apt-get install -y --no-install-recommends ${debian}`
  }
  return { contenders, surroundings, left }
}

/** @param profile name of the file that says where its time went; `undefined`: none. */
export async function startContender(contender, surroundings, { profile, keepsMemory = true } = {}) {
  const given = { ...contender, ...surroundings }
  const profiling =
    profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', 'profiles', '--cpu-prof-name', profile]
  const command = contender.command?.(given) ?? [process.execPath, ...profiling, contender.file]
  contender.child = await start(command, {
    port: contender.port,
    core: 'contender',
    keepsMemory,
    env: { BENCH: JSON.stringify(given) },
  })
  if (contender.isGuarded) contender.headers.cookie = await signIn(contender.origin)
}
