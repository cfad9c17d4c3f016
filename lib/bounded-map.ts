import { LRUCache } from 'lru-cache'

/** `ttl` in milliseconds. */
type More<V> = Pick<
  LRUCache.OptionsBase<string, V, unknown>,
  'ttl' | 'ttlResolution' | 'updateAgeOnGet' | 'perf' | 'dispose'
>

/**
 * A map that forgets what was used longest ago when there would be more than `max`. It takes room for what is in it: the cache's own option
 * `max` would take the room of them all at once.
 */
export function boundedMap<V extends object | string | number | true>(
  max: number,
  more: More<V> = {},
): LRUCache<string, V> {
  return new LRUCache({ ...more, maxSize: max, sizeCalculation: () => 1 })
}
