import { readOptions } from '../option-reader.ts'
import { describe } from './description.ts'
import { checkDescription, checkPreset } from './option-rules.ts'
import type { OptionsWith, Preset, ProviderFactory, RequirableOption } from './preset.ts'
import { presetSchema, providerSchema } from './provider-schema.ts'
import type { Provider } from './provider.ts'
import { resolve } from './resolve.ts'

/**
 * Makes what is known of a provider into the function that an application configures it with.
 *
 * @throws {AuthError} `ERR_AUTH_OPTIONS`, naming everything in the preset that cannot be.
 */
export function defineProvider<const Required extends RequirableOption = never>(
  preset: Preset<Required>,
): ProviderFactory<Required> {
  const path = `${preset.factory ?? preset.name ?? 'provider'}()`
  readOptions(presetSchema, preset, path, checkPreset)
  return function provider(options: OptionsWith<Required>): Provider {
    const read = readOptions(providerSchema, options, path, (raw, say) => checkDescription(describe(preset, raw), say))
    return resolve(describe(preset, { ...read }))
  }
}
