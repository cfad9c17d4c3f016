import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Every public name, by entry point. A name that is missing here or there is a breaking change, or one nobody decided. */
const PUBLIC_NAMES: Record<string, { values: string[]; types: string[] }> = {
  latchkey: {
    values: ['AuthError', 'latchkey', 'memoryGrants', 'perTenant'],
    types: [
      'AccessTokenOptions',
      'AccountAuth',
      'AllowOptions',
      'AssertionOptions',
      'AttachOptions',
      'AuthErrorCode',
      'AuthErrorOptions',
      'AuthEvent',
      'ClaimAnswer',
      'ClaimRequest',
      'CommitAnswer',
      'CommitRequest',
      'EndReason',
      'EndUser',
      'ErrorPage',
      'ErrorPageContext',
      'Gone',
      'GrantHealth',
      'GrantOwner',
      'GrantQuery',
      'GrantRecord',
      'GrantSession',
      'GrantState',
      'GrantStore',
      'GrantStoreContext',
      'GrantStoreFactory',
      'GrantTokens',
      'Grants',
      'Health',
      'IssuedToken',
      'Latchkey',
      'LatchkeyOptions',
      'LoginOptions',
      'LoginParameter',
      'LogoutTokenFlaw',
      'MemoryGrantsOptions',
      'PerTenantOptions',
      'ProviderAuth',
      'ProxyOptions',
      'RefreshOptions',
      'RefreshResult',
      'ReleaseRequest',
      'RequestAuth',
      'Requirements',
      'Runtime',
      'ServerOptions',
      'SessionOptions',
      'SettleAnswer',
      'SettleRequest',
      'SignIn',
      'TenantProvider',
      'TokenSet',
      'TokenTarget',
      'User',
      'WhenInDoubt',
    ],
  },
  'latchkey/passport': {
    values: [],
    types: [
      'CreateStrategy',
      'PassportStrategy',
      'ProviderSignIn',
      'StrategyActions',
      'StrategyOptions',
      'Verified',
      'Verify',
      'VerifyDone',
      'VerifyWithRequest',
    ],
  },
  'latchkey/redis': { values: ['redisGrants'], types: ['RedisClient', 'RedisGrantsOptions', 'WaitForReplicas'] },
  'latchkey/providers': {
    values: ['defineProvider', 'dottedsign', 'hcss', 'healthkey', 'oauth2', 'oidc', 'privo', 'theIdentityHub'],
    types: [
      'AnswerPattern',
      'ClientAuthentication',
      'IdentifiedUser',
      'Identify',
      'IdentifyContext',
      'IdentityEndpoint',
      'OidcOptions',
      'OptionsWith',
      'Preset',
      'Provider',
      'ProviderFactory',
      'ProviderOptions',
      'RefreshRequestForm',
      'RequirableOption',
      'Rotation',
      'StaticMetadata',
      'TokenErrorPattern',
      'TokenRequestForm',
    ],
  },
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** A project with the packed file and what it declares it needs, and nothing else, in its node_modules. */
let consumer: string
let packed: string

beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'latchkey-consumer-'))
  packed = join(consumer, 'node_modules', 'latchkey')
  await mkdir(packed, { recursive: true })
  await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', consumer], { cwd: root })
  const [file = 'no file was packed'] = (await readdir(consumer)).filter((name) => name.endsWith('.tgz'))
  await run('tar', ['-xzf', join(consumer, file), '-C', packed, '--strip-components=1'])

  const manifest = await readManifest(join(packed, 'package.json'))
  const needed = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies), '@types/node']
  for (const name of needed) {
    const place = join(consumer, 'node_modules', name)
    await mkdir(dirname(place), { recursive: true })
    await symlink(join(root, 'node_modules', name), place, 'junction')
  }
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
}, 60_000)

afterAll(() => rm(consumer, { recursive: true, force: true }))

describe('the packed file', () => {
  test('holds what was built, README, LICENSE and package.json, and nothing else', async () => {
    const files = await filesIn(packed)
    const outside = files.filter((file) => !file.startsWith('dist/'))
    const strange = files.filter((file) => file.startsWith('dist/') && !/\.(js|js\.map|d\.ts)$/.test(file))

    expect(outside).toEqual(['LICENSE', 'README.md', 'package.json'])
    expect(strange).toEqual([])
    expect(
      files.filter((file) => /test|example-app|simulator/.test(file) && !file.startsWith('dist/testing/')),
    ).toEqual([])
  })

  test('has types and a source map for every module', async () => {
    const files = await filesIn(packed)
    const modules = files.filter((file) => file.endsWith('.js'))
    const expected = modules.flatMap((file) => [`${file}.map`, file.replace(/\.js$/, '.d.ts')])

    expect(modules).not.toEqual([])
    expect(expected.filter((file) => !files.includes(file))).toEqual([])
  })

  test('exports the entry points that are listed here', async () => {
    const { exports } = await readManifest(join(packed, 'package.json'))
    const entries = Object.keys(exports).filter((path) => path !== './package.json')

    expect(entries.map((path) => `latchkey${path.slice(1)}`).toSorted()).toEqual(Object.keys(PUBLIC_NAMES).toSorted())
  })
})

describe.each(Object.entries(PUBLIC_NAMES))('%s', (entry, { values, types }) => {
  test('can be imported, and exports its public names', async () => {
    const names = await evaluate(`Object.keys(await import('${entry}')).sort()`)

    expect(names).toEqual(values.toSorted())
  })

  test('can be required, as the same module', async () => {
    const isSame = await evaluate(`
      (await import('node:module')).createRequire(import.meta.url)('${entry}') === (await import('${entry}'))`)

    expect(isSame).toBe(true)
  })

  test('declares its public types', async () => {
    const manifest = await readManifest(join(packed, 'package.json'))
    const declarations = manifest.exports[`.${entry.slice('latchkey'.length)}`]
    if (typeof declarations !== 'object') throw new Error(`${entry} is not exported`)
    const names = declaredNames(await readFile(join(packed, declarations.types), 'utf8'))

    expect(names.toSorted()).toEqual([...values, ...types].toSorted())
  })
})

test('strict TypeScript accepts every public name, in an ES module and in a CommonJS one', async () => {
  const imports = Object.entries(PUBLIC_NAMES).map(([entry, { values, types }]) => {
    const names = [...values, ...types.map((name) => `type ${name}`)]
    return `export { ${names.join(', ')} } from '${entry}'`
  })
  await writeFile(join(consumer, 'module.mts'), imports.join('\n'))
  await writeFile(join(consumer, 'common.cts'), imports.join('\n'))
  const compilerOptions = {
    module: 'NodeNext',
    target: 'ES2023',
    lib: ['ES2023'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  }
  const tsconfig = { compilerOptions, files: ['module.mts', 'common.cts'] }
  await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify(tsconfig))

  expect(await compile(consumer)).toBe('')
}, 60_000)

test('an application with the types of Express 4 compiles', async () => {
  const types = join(consumer, 'node_modules', '@types', 'express')
  const types5 = await readlink(types)
  await rm(types)
  await symlink(join(root, 'node_modules', 'types-express4'), types, 'junction')
  try {
    const app = `import express from 'express'
      import { latchkey } from 'latchkey'
      import { oidc } from 'latchkey/providers'
      const provider = oidc({ issuer: 'https://id.example', clientId: 'app' })
      const auth = latchkey({ baseUrl: 'https://app.example', provider, secret: 'x' })
      const app = express()
      app.use(auth)
      app.get('/me', auth.requireAuth(), (req, res) => void res.json(req.auth.user))
      app.use('/api', auth.requireAuth(), auth.proxy('https://api.example'))
      app.use(auth.errorHandler)`
    await writeFile(join(consumer, 'express4.mts'), app)
    const compilerOptions = { module: 'NodeNext', target: 'ES2023', types: ['node'], strict: true, noEmit: true }
    await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['express4.mts'] }))

    expect(await compile(consumer)).toBe('')
  } finally {
    await rm(types)
    await symlink(types5, types, 'junction')
  }
}, 60_000)

interface Manifest {
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
  exports: Record<string, string | { types: string; default: string }>
}

async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(path, 'utf8')) as Manifest
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .toSorted()
}

/** The value of an expression in the consumer's project, in a Node of its own. */
async function evaluate(expression: string): Promise<unknown> {
  const program = `process.stdout.write(JSON.stringify(${expression}))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: consumer })
  return JSON.parse(stdout) as unknown
}

/** What the compiler complains about. */
async function compile(folder: string): Promise<string> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  try {
    await run(process.execPath, [compiler, '-p', folder])
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

/** The names an entry point exports. It lists them by hand, so there is no `export *` to follow. */
function declaredNames(declarations: string): string[] {
  expect(declarations).not.toMatch(/export \*/)
  const listed = [...declarations.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names = '']) =>
    names.split(','),
  )
  const declared = [
    ...declarations.matchAll(/^export (?:declare )?(?:abstract )?(?:function|const|class|interface|type) (\w+)/gm),
  ].map(([, name = '']) => name)
  return [...listed.map((name) => name.replace(/^.* as |\btype /g, '').trim()), ...declared].filter(Boolean)
}
