import { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestListener, ServerOptions } from 'node:http'
import { versions } from 'node:process'
import type { Express, Request, Response } from 'express'

// Express changes the prototype of each request and response to its application's own. V8 up to that of Node 23 gives an object whose
// prototype was changed a hidden class of its own with the next property, and from then on whatever is done with it is slow: an empty route
// takes six times as long. Later ones share the class, and an empty route still takes half as long again.

/** From here on objects whose prototype was changed have a hidden class in common. */
const FIRST_SHARING_NODE = 24

const isSharedAnyway = Number.parseInt(versions.node, 10) >= FIRST_SHARING_NODE

/** Prototypes that requests were made with: on a server of our own, and by then perhaps changed to on another one. */
const native = new WeakSet<object>()

type Constructors = Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>

export function isExpress(app: RequestListener): app is Express {
  const { request, response } = app as Partial<Express>
  return request instanceof IncomingMessage && response instanceof ServerResponse
}

/** For the server of `app`: made with the prototypes that Express changes to, requests and responses need no change. */
export function constructorsFor(app: RequestListener): Constructors {
  if (!isExpress(app)) return {}
  const { request, response } = app
  native.add(request)
  return {
    IncomingMessage: withPrototype(IncomingMessage, request),
    ServerResponse: withPrototype(ServerResponse, response),
  }
}

/**
 * For requests of other servers: as dictionaries, which is what an object becomes that loses a property in its middle, they have hidden
 * classes in common again. V8 keeps those in 64 places, by chance: where request and response have the same one, nothing is gained.
 */
export function shareHiddenClass(req: Request, res: Response): void {
  if (isSharedAnyway || native.has(Object.getPrototypeOf(req) as object)) return
  const { res: itsResponse } = req
  delete req.res
  req.res = itsResponse
  const { req: itsRequest } = res
  delete (res as Partial<Response>).req
  res.req = itsRequest
}

/**
 * Makes what `constructor` makes. Node's are functions that can be called, other than classes. V8 takes the room for properties in an object
 * from what its constructor, and whatever that one inherits from, assigns: a function by itself would get none, and its objects would become
 * dictionaries.
 */
function withPrototype<C extends typeof IncomingMessage | typeof ServerResponse>(constructor: C, prototype: object): C {
  function Made(this: object, ...given: readonly unknown[]): void {
    Reflect.apply(constructor, this, given)
  }
  Made.prototype = prototype
  return Object.setPrototypeOf(Made, constructor) as C
}
