import { suite as gateway } from '../gateway/suite.js'
import { suite as guard } from '../guard/suite.js'
import { suite as proxy } from '../proxy/suite.js'
import { suite as streaming } from '../streaming/suite.js'

/** Those with figures in results.json, in the order of the README. */
export const suites = [guard, proxy, gateway, streaming]
