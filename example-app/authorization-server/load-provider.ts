import type * as OidcProvider from 'oidc-provider'

// @types/koa, below @types/oidc-provider, names a type of content-disposition 0.5. Express 5 brings 2.0, which renamed it.
declare module 'content-disposition' {
  interface Options extends CreateOptions {}
}

/**
 * Imports oidc-provider without its notice that this Node release is not one its author supports: it works on each
 * release that the example app supports, and whoever runs the demo can do nothing about it. Other warnings pass.
 */
export async function loadProvider(): Promise<typeof OidcProvider> {
  const warn = console.warn
  console.warn = (...data: unknown[]) => {
    if (!String(data[0]).includes('Unsupported runtime')) warn(...data)
  }
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}
