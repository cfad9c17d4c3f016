import { dottedSign } from './documented/dottedsign.ts'
import { hcss } from './documented/hcss.ts'
import { healthKey } from './documented/healthkey.ts'
import { openIdConnect } from './documented/openid-connect.ts'
import { privo } from './documented/privo.ts'
import { theIdentityHub } from './documented/the-identity-hub.ts'
import type { Purpose } from './exchange.ts'

/** How a provider writes a request down. */
export interface DocumentedForm {
  readonly purpose: Purpose
  /**
   * `documented`: on the provider's own pages. `seen`: in code that works with it, the provider's own or others'. `inferred`: from the
   * software it evidently runs on, or from the specifications; promised by nobody.
   */
  readonly evidence: 'documented' | 'seen' | 'inferred'
  /** Where it stands. */
  readonly source: string
  /** Why the app sends something else, where it does. */
  readonly note?: string
  /** As HTTP. Lines that begin with a blank go on with the URL; line breaks of the body are for reading only; all values are invented. */
  readonly http: string
}

/** By the names of the presets; several for one purpose where pages contradict each other or what is likely to work. */
export const DOCUMENTED: Readonly<Record<string, readonly DocumentedForm[]>> = {
  demo: openIdConnect,
  healthkey: healthKey,
  hcss,
  'the-identity-hub': theIdentityHub,
  privo,
  dottedsign: dottedSign,
}
