import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { transform } from '@swc/core'
import type { Edit } from './mutations.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const SOURCES = ['lib', 'test/grants/schedules', 'test/grants/mutations']

/** What a mutation changes. */
export interface Mutated {
  readonly name: string
  readonly edits: readonly Edit[]
}

/** The engine and what examines it as JavaScript, in a folder of their own, so that each process can have an engine of its own. */
export class Builds implements AsyncDisposable {
  readonly #scratch: string

  private constructor(scratch: string) {
    this.#scratch = scratch
  }

  /** @param sources files and folders of this repository, all of which are compiled. */
  static async open(sources: readonly string[] = SOURCES): Promise<Builds> {
    const builds = new Builds(await mkdtemp(join(tmpdir(), 'latchkey-mutations-')))
    await builds.#compileAll(sources)
    return builds
  }

  /** @returns the folder with the engine as it is. */
  get original(): string {
    return join(this.#scratch, 'original')
  }

  /** @returns a folder with a copy in which one rule is taken out. */
  async mutate({ name, edits }: Mutated): Promise<string> {
    const folder = await mkdtemp(join(this.#scratch, 'mutation-'))
    await cp(this.original, folder, { recursive: true, verbatimSymlinks: true })
    const sources = new Map<string, string>()
    for (const { file, find, replace } of edits) {
      const source = sources.get(file) ?? (await readFile(join(ROOT, file), 'utf8'))
      if (source.split(find).length !== 2)
        throw new Error(`${name}: what it replaces must stand in ${file} exactly once`)
      sources.set(
        file,
        source.replace(find, () => replace),
      )
    }
    for (const [file, source] of sources) await compile(source, join(folder, file))
    return folder
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#scratch, { recursive: true, force: true })
  }

  async #compileAll(sources: readonly string[]): Promise<void> {
    for (const source of sources) {
      const files = source.endsWith('.ts') ? [''] : await readdir(join(ROOT, source), { recursive: true })
      for (const file of files.map((name) => join(source, name))) {
        if (file.endsWith('.ts')) await compile(await readFile(join(ROOT, file), 'utf8'), join(this.original, file))
      }
    }
    await writeFile(join(this.original, 'package.json'), '{ "type": "module" }')
    await symlink(join(ROOT, 'node_modules'), join(this.original, 'node_modules'))
  }
}

const OPTIONS = {
  swcrc: false,
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript' },
    transform: { verbatimModuleSyntax: true },
    rewriteRelativeImportExtensions: true, // not in swc's own types
  },
} as const

async function compile(source: string, to: string): Promise<void> {
  const { code } = await transform(source, OPTIONS)
  const file = to.replace(/\.ts$/, '.js')
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, code)
}
