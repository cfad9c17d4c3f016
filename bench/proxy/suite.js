import { download, MB, upload } from '../support/bodies.js'
import { contenders, LATCHKEY, LATCHKEY_PLAIN, MIDDLEWARE, NGINX, packages, REPLY_FROM } from './contenders.js'

const KB_1 = '1 KB'
const KB_100 = '100 KB'
const DOWN = '10 MB down'
const UP = '10 MB up'

/** How fast the product could be on the libraries that it is built on. */
const UNDICI = 'undici behind Express, nothing else'

/** Bodies both ways, through proxies at which nobody signs in. */
export const suite = {
  name: 'proxy',
  title: 'Proxy',
  packages,
  contenders: [...contenders, { name: UNDICI, file: 'proxy/undici-dispatch.js' }],
  cases: [
    download(KB_1, 1024, 32),
    download(KB_100, 100 * 1024, 32),
    download(DOWN, 10 * MB, 8),
    upload(UP, 10 * MB, 8),
  ],
  comparisons: [
    [LATCHKEY, MIDDLEWARE],
    [LATCHKEY_PLAIN, MIDDLEWARE],
    [LATCHKEY, REPLY_FROM],
    [LATCHKEY, NGINX],
    [LATCHKEY, UNDICI],
    [UNDICI, REPLY_FROM],
  ],
  targets: [
    { id: 'P1', case: KB_1, one: LATCHKEY, other: MIDDLEWARE, figure: 'perSecond', must: 2, aim: 3 },
    { id: 'P1', case: KB_1, one: LATCHKEY, other: MIDDLEWARE, figure: 'cpuPerRequest', must: 0.5, aim: 0.33 },
    {
      id: 'P2', case: KB_1, one: LATCHKEY_PLAIN, other: MIDDLEWARE, figure: 'perSecond', must: 1.3, aim: 1.8, node: 20,
    },
    { id: 'P3', case: KB_1, one: LATCHKEY, other: REPLY_FROM, figure: 'perSecond', must: 1.2, aim: 1.8 },
    { id: 'P4', case: KB_1, one: LATCHKEY, other: NGINX, figure: 'perSecond', must: 0.4, aim: 0.7 },
    { id: 'P5', case: KB_100, one: LATCHKEY, other: MIDDLEWARE, figure: 'perSecond', must: 1.5, aim: 2.1 },
    { id: 'P5', case: DOWN, one: LATCHKEY, other: MIDDLEWARE, figure: 'perSecond', must: 1.3, aim: 1.4 },
    { id: 'P5', case: UP, one: LATCHKEY, other: MIDDLEWARE, figure: 'perSecond', must: 1, aim: 1.1 },
    { id: 'P7', case: KB_1, one: LATCHKEY, other: MIDDLEWARE, figure: 'p99', must: 0.7, aim: 0.35 },
  ], // prettier-ignore
  chart: { title: 'A proxy, 1 KB', case: KB_1, reference: MIDDLEWARE },
}
