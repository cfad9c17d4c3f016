import type { Store } from 'express-session'

/** Methods of a store, in place of its own. */
export type StoreMethods = { readonly [name in keyof Store]?: (...given: never[]) => unknown }

/**
 * The same store, with some of its methods replaced: those of them that it has. Everything else is its own, events included: stores have
 * private fields, so that whatever is called, read or set is with the store itself as `this`.
 */
export function overlaid<S extends Store>(store: S, methods: StoreMethods): S {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (Object.hasOwn(methods, name)) return methods[name as keyof StoreMethods]
      return value.bind(target) as unknown
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  })
}
